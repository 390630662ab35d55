import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import {
  createTestFederation,
  type FederationResponse,
  type RequestHook,
  type TestFederation,
} from './support/test-federation.ts';
import type { TestServer } from './support/test-server.ts';

const DOWNLOAD = '/_matrix/client/v1/media/download';
const SIGNED = '/_matrix/federation/v1/media/download';
const DAY_MS = 24 * 3_600_000;

let world: ManualWorld;
let federation: TestFederation;
let a: TestServer;
let b: TestServer;
let alice: Session;
let bob: Session;
/** Answers in the place of a.test; `undefined` lets it answer itself. */
let answerOfA: RequestHook | undefined;

beforeEach(() => start());

afterEach(() => federation.stop());

async function start(config: Record<string, unknown> = {}): Promise<void> {
  world = createManualWorld();
  answerOfA = undefined;
  federation = await createTestFederation(['a.test', 'b.test'], {
    world,
    config,
    onRequest: (request, pass) => {
      const isForA = request.to === 'a.test' && request.path.includes('/media/');
      return isForA && answerOfA !== undefined ? answerOfA(request, pass) : pass();
    },
  });
  a = federation.server('a.test');
  b = federation.server('b.test');
  alice = await a.createUser('alice');
  bob = await b.createUser('bob');
}

async function upload(body: string | Uint8Array, query = ''): Promise<string> {
  const headers = { 'content-type': 'text/plain' };
  const answer = await a.ok('POST', `/_matrix/media/v3/upload${query}`, { token: alice.accessToken, body, headers });
  return String(answer.content_uri).slice('mxc://'.length);
}

function download(address: string) {
  return b.request('GET', `${DOWNLOAD}/${address}`, { token: bob.accessToken });
}

function asked(): string[] {
  const media = federation.requests('b.test', 'a.test').filter(({ path }) => path.includes('/media/'));
  return media.map(({ path }) => path.split('?', 1)[0] ?? '');
}

function multipart(parts: string, boundary = 'B'): FederationResponse {
  return { status: 200, headers: { 'content-type': `multipart/mixed; boundary=${boundary}` }, body: parts };
}

function twoParts(headers: string, content: string): FederationResponse {
  return multipart(`--B\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\n${headers}\r\n\r\n${content}\r\n--B--`);
}

describe('media of another server', () => {
  test('comes with its name and type, is fetched once, and stays when that server is away', async () => {
    const address = await upload('Hello', '?filename=Gr%C3%BC%C3%9Fe.txt');
    const answers = await Promise.all(Array.from({ length: 10 }, () => download(address)));
    for (const { status, text, headers } of answers) {
      expect([status, text]).toEqual([200, 'Hello']);
      expect(headers).toMatchObject({
        'content-type': 'text/plain',
        'content-disposition': "inline; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt",
      });
    }
    federation.cut('a.test', 'b.test');
    expect((await download(address)).text).toBe('Hello');
    expect(asked()).toEqual([`${SIGNED}/${address.slice('a.test/'.length)}`]);
  });

  test('comes byte for byte, boundaries and all', async () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => (index * 31) % 256);
    const body = Buffer.concat([Buffer.from('\r\n--B--\r\n\r\n--'), bytes, Buffer.from('\r\n--')]);
    const got = await download(await upload(body));
    expect(Buffer.from(got.bytes).equals(body)).toBe(true);
  });

  test('is waited for where its content is still to come', async () => {
    const { content_uri: uri } = await a.ok('POST', '/_matrix/media/v1/create', { token: alice.accessToken });
    const address = String(uri).slice('mxc://'.length);
    const early = await download(`${address}?timeout_ms=0`);
    expect([early.status, early.body.errcode]).toEqual([504, 'M_NOT_YET_UPLOADED']);
    const waiting = download(address);
    const path = `/_matrix/media/v3/upload/${address}`;
    await a.ok('PUT', path, { token: alice.accessToken, body: 'late', headers: { 'content-type': 'text/plain' } });
    expect((await waiting).text).toBe('late');
  });

  test('that is not there is M_NOT_FOUND, and nothing is kept of it', async () => {
    const refused = await download('a.test/AAAAAAAAAAAAAAAAAAAAAAAA');
    expect([refused.status, refused.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect(await b.storage.read({ text: 'select media_id from media' }, {})).toEqual([]);
  });

  test('of a server that is away is 502, and comes when it is back', async () => {
    const address = await upload('Hello');
    federation.cut('a.test', 'b.test');
    const refused = await download(address);
    expect([refused.status, refused.body.errcode]).toEqual([502, 'M_UNKNOWN']);
    federation.heal('a.test', 'b.test');
    world.advance(3_600_000);
    expect((await download(address)).text).toBe('Hello');
  });

  test('that nobody used for a month is removed, and fetched again when somebody does', async () => {
    const address = await upload('Hello');
    await download(address);
    const used = await upload('used');
    await download(used);
    world.stepWallClock(20 * DAY_MS);
    await download(used);
    const noted = { text: `select media_id from media where last_used_ts = ${world.clock.nowMs()}` };
    await expect.poll(async () => (await b.storage.read(noted, {})).length).toBe(1);
    world.stepWallClock(11 * DAY_MS);
    world.advance(3_600_000);
    const kept = () => b.storage.read<Record<string, never>, { media_id: string }>(ALL_MEDIA, {});
    await expect.poll(kept).toEqual([{ media_id: used.slice('a.test/'.length) }]);
    world.advance(3_600_000);
    await expect.poll(() => (b.blobStore as unknown as { blobs: Map<string, unknown> }).blobs.size).toBe(1);
    expect((await download(address)).text).toBe('Hello');
  });

  const ALL_MEDIA = { text: 'select media_id from media' };

  test('is refused at once where federation is off', async () => {
    await federation.stop();
    await start({ federation: { enabled: false } });
    expect((await download('a.test/AAAAAAAAAAAAAAAAAAAAAAAA')).status).toBe(502);
    expect(asked()).toEqual([]);
  });
});

describe('being asked', () => {
  test('needs a signature', async () => {
    const address = await upload('Hello');
    const refused = await a.request('GET', `${SIGNED}/${address.slice('a.test/'.length)}`);
    expect([refused.status, refused.body.errcode]).toEqual([401, 'M_UNAUTHORIZED']);
  });

  test('gives an empty object and the content, and no media of third servers', async () => {
    const mediaId = (await upload('Hello')).slice('a.test/'.length);
    const { remoteServers } = b.server.services;
    const request = { isSigned: true, maxRedirects: 0 } as const;
    const answer = await remoteServers.download('a.test', { ...request, path: `${SIGNED}/${mediaId}` });
    const boundary = /^multipart\/mixed; boundary=([0-9a-f]{48})$/.exec(answer.headers['content-type'] ?? '')?.[1];
    expect(Buffer.from(answer.body).toString()).toBe(
      [
        `--${boundary}`,
        'Content-Type: application/json',
        '',
        '{}',
        `--${boundary}`,
        'Content-Type: text/plain',
        'Content-Disposition: inline',
        '',
        'Hello',
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    );
    const odd = remoteServers.download('a.test', { ...request, path: `${SIGNED}/..%2F..%2Fsigning.key` });
    await expect(odd).rejects.toMatchObject({ status: 400, errcode: 'M_INVALID_PARAM' });
  });
});

describe('a server that is older', () => {
  const legacy: RequestHook = async ({ path, headers }) => {
    if (path.startsWith('/_matrix/federation/')) {
      return { status: 404, headers: {}, body: '{"errcode":"M_UNRECOGNIZED","error":"Unrecognized request"}' };
    }
    expect(headers.authorization).toBeUndefined();
    return { status: 200, headers: { 'content-type': 'image/png', 'content-disposition': 'inline' }, body: 'old' };
  };

  test('is asked as before, without a signature, and not to ask others itself', async () => {
    answerOfA = legacy;
    const got = await download('a.test/oldMedia?timeout_ms=7');
    expect([got.status, got.text, got.headers['content-type']]).toEqual([200, 'old', 'image/png']);
    const [, second] = federation.requests('b.test', 'a.test').filter(({ path }) => path.includes('/media/'));
    expect(second?.path).toBe(
      '/_matrix/media/v3/download/a.test/oldMedia?timeout_ms=7&allow_remote=false&allow_redirect=true',
    );
  });
});

describe('bad answers', () => {
  const bad: [string, FederationResponse][] = [
    ['HTML', { status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }],
    ['no Content-Type', { status: 200, headers: {}, body: '--B\r\n\r\n{}\r\n--B\r\n\r\nx\r\n--B--' }],
    ['no boundary', { status: 200, headers: { 'content-type': 'multipart/mixed' }, body: '--\r\n\r\nx\r\n----' }],
    ['another boundary', multipart('--B\r\n\r\n{}\r\n--B\r\n\r\nx\r\n--B--', 'C')],
    ['one part', multipart('--B\r\n\r\n{}\r\n--B--')],
    ['parts without an end', multipart('--B\r\n\r\n{}\r\n--B\r\n\r\nx')],
    ['nothing', multipart('')],
    ['endless headers', twoParts(`X: ${'x'.repeat(9_000)}`, 'x')],
    ['a Location that is no URL', twoParts('Location: x', '')],
    ['a Location of plain HTTP', twoParts('Location: http://169.254.169.254/latest', '')],
    ['a Location of a file', twoParts('Location: file:///etc/passwd', '')],
    ['500', { status: 500, headers: {}, body: 'oops' }],
    ['a redirect', { status: 307, headers: { location: 'https://b.test/' }, body: '' }],
  ];

  test.each(bad)('%s: 502, and nothing is kept', async (_what, answer) => {
    answerOfA = async () => answer;
    const refused = await download('a.test/media');
    expect([refused.status, refused.body.errcode]).toEqual([502, 'M_UNKNOWN']);
    expect(await b.storage.read({ text: 'select media_id from media' }, {})).toEqual([]);
    expect(federation.requests('b.test').every(({ to }) => to === 'a.test')).toBe(true);
  });

  test('too much is 502 M_TOO_LARGE, whoever finds it out', async () => {
    await federation.stop();
    await start({ media: { max_remote_bytes: 2_000 } });
    for (const length of [2_001, 100_000]) {
      answerOfA = async () => twoParts('Content-Type: text/plain', 'x'.repeat(length));
      const refused = await download('a.test/media');
      expect([refused.status, refused.body.errcode]).toEqual([502, 'M_TOO_LARGE']);
    }
    answerOfA = async () => twoParts('Content-Type: text/plain', 'x'.repeat(2_000));
    expect((await download('a.test/media')).text.length).toBe(2_000);
  });

  test('headers that would break out of ours are not taken', async () => {
    answerOfA = async () =>
      twoParts('Content-Type: text/html\x00; x\r\nContent-Disposition: inline; filename="a\\"; b\x01.svg"', '<svg/>');
    const got = await download('a.test/media');
    expect(got.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': "attachment; filename*=UTF-8''a%22%3B%20b%01.svg",
    });
  });

  test('content that stands elsewhere is fetched there, without our signature', async () => {
    await federation.add('c.test');
    answerOfA = async () => twoParts('Location: https://c.test/_matrix/client/versions', '');
    const got = await download('a.test/media');
    expect(got.status).toBe(200);
    expect(got.text).toContain('v1.11');
    expect(federation.requests('b.test', 'c.test').map(({ path }) => path)).toEqual(['/_matrix/client/versions']);
  });

  test('H3: a server that does not answer holds up only its own media', async () => {
    const silent = new Promise<never>(() => {});
    answerOfA = () => silent;
    for (let count = 0; count < 60; count++) void download(`a.test/media${count}`);
    await expect.poll(() => asked().length).toBe(2);
    const full = await download('a.test/oneMore');
    expect([full.status, full.body.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
    const c = await federation.add('c.test');
    const carol = await c.createUser('carol');
    const sent = await c.ok('POST', '/_matrix/media/v3/upload', { token: carol.accessToken, body: 'from c' });
    expect((await download(String(sent.content_uri).slice('mxc://'.length))).text).toBe('from c');
  });
});
