import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createMemoryBlobStore, type MemoryBlobStore } from './support/memory-blob-store.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

const DOWNLOAD = '/_matrix/client/v1/media/download';
const LEGACY = '/_matrix/media/v3/download';

let server: TestServer;
let alice: Session;

beforeEach(async () => {
  server = await createTestServer();
  alice = await server.createUser('alice');
});

afterEach(() => server.stop());

async function upload(type: string, query = '', body: string | Uint8Array = 'content'): Promise<string> {
  const headers = type === '' ? {} : { 'content-type': type };
  const path = `/_matrix/media/v3/upload${query}`;
  const answer = await server.ok('POST', path, { token: alice.accessToken, body, headers });
  return String(answer.content_uri).slice('mxc://'.length);
}

function download(address: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') {
  return server.request(method, `${DOWNLOAD}/${address}`, { token: alice.accessToken, headers });
}

describe('what a browser makes of it', () => {
  test.each([
    ['text/html', 'attachment'],
    ['image/svg+xml', 'attachment'],
    ['application/xhtml+xml', 'attachment'],
    ['text/xml', 'attachment'],
    ['application/pdf', 'attachment'],
    ['application/octet-stream', 'attachment'],
    ['image/png', 'inline'],
    ['IMAGE/PNG', 'inline'],
    ['text/plain; charset=utf-8', 'inline'],
    ['video/mp4', 'inline'],
  ])('%s is %s', async (type, disposition) => {
    const { headers } = await download(await upload(type));
    expect(headers).toMatchObject({
      'content-type': type,
      'content-disposition': disposition,
      'x-content-type-options': 'nosniff',
    });
    expect(headers['content-security-policy']).toMatch(/^sandbox; default-src 'none'; script-src 'none';/);
  });

  test.each([
    'html',
    'text/html, image/png',
    'image/png\u00ff',
    '/',
    'image/',
    `image/${'x'.repeat(300)}`,
    'text/plain; charset="\u0001"',
  ])('%j is no type', async (type) => {
    const { headers } = await download(await upload(type));
    expect([headers['content-type'], headers['content-disposition']]).toEqual([
      'application/octet-stream',
      'attachment',
    ]);
  });
});

describe('file names', () => {
  const names: [string, string][] = [
    ['cat.png', 'filename=cat.png'],
    ['my cat.png', 'filename="my cat.png"'],
    ['a"; x="b', "filename*=UTF-8''a%22%3B%20x%3D%22b"],
    ['a\r\nSet-Cookie: x=1', "filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1"],
    ['\u0000', "filename*=UTF-8''%00"],
    ['../../etc/passwd', 'filename="../../etc/passwd"'],
    ['C:\\x', "filename*=UTF-8''C%3A%5Cx"],
    ["Grüße 'n' (1)*.txt", "filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%27n%27%20%281%29%2A.txt"],
    ['🦀', "filename*=UTF-8''%F0%9F%A6%80"],
    ['%41.png', "filename*=UTF-8''%2541.png"],
  ];

  test.each(names)('%j', async (name, parameter) => {
    const encoded = encodeURIComponent(name);
    const own = await download(await upload('image/png', `?filename=${encoded}`));
    expect(own.headers['content-disposition']).toBe(`inline; ${parameter}`);
    const other = await download(`${await upload('image/png', '?filename=own')}/${encoded}`);
    expect(other.headers['content-disposition']).toBe(`inline; ${parameter}`);
  });
});

describe('what is asked for', () => {
  test.each(['..%2F..%2F..%2Fsigning.key', '%2e%2e%2f', 'a.b', 'a%00', 'a%0a', 'ä', 'x'.repeat(256)])(
    '%s is no media ID',
    async (mediaId) => {
      const refused = await download(`localhost/${encodeURI(decodeURI(mediaId))}`);
      expect([refused.status, refused.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    },
  );

  test('a server name that is none is refused', async () => {
    const refused = await download('local%2Fhost/AAAA');
    expect([refused.status, refused.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('nothing is read for HEAD, nor for who has it already', async () => {
    const address = await upload('text/plain');
    const head = await download(address, {}, 'HEAD');
    expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', '7']);
    const etag = String(head.headers.etag);
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const same = await download(address, { 'if-none-match': tag });
      expect([same.status, same.text, same.headers.etag]).toEqual([304, '', etag]);
    }
    expect((await download(address, { 'if-none-match': '"x"' })).status).toBe(200);
    expect(head.headers['cache-control']).toBe('private, max-age=86400, immutable');
  });

  test('a token is needed', async () => {
    const address = await upload('text/plain');
    expect((await server.request('GET', `${DOWNLOAD}/${address}`)).status).toBe(401);
  });
});

describe('downloads without a token', () => {
  test('do not find what came since they are frozen', async () => {
    const address = await upload('image/png', '', PIXEL);
    for (const path of [
      `${LEGACY}/${address}`,
      `${LEGACY}/${address}/cat.png`,
      `/_matrix/media/r0/download/${address}`,
      `/_matrix/media/v3/thumbnail/${address}?width=1&height=1`,
      `${LEGACY}/other.test/AAAA`,
    ]) {
      const refused = await server.request('GET', path);
      expect([refused.status, refused.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    }
  });

  test('go on for what came before, and for all while the operator says so', async () => {
    const [storage, blobStore] = [await openTestStorage(), createMemoryBlobStore()];
    const turn = async (legacy: boolean) => {
      await server.stop();
      server = await createTestServer({ storage, blobStore, config: { media: { legacy_download: legacy } } });
    };
    const found = async (address: string) => (await server.request('GET', `${LEGACY}/${address}`)).status;
    await turn(false);
    alice = await server.createUser('alice');
    const frozen = await upload('image/png', '', PIXEL);
    await turn(true);
    const open = await upload('image/png', '', PIXEL);
    expect([await found(frozen), await found(open)]).toEqual([200, 200]);
    const thumbnail = await server.request('GET', `/_matrix/media/v3/thumbnail/${open}?width=1&height=1`);
    expect([thumbnail.status, thumbnail.headers['content-type']]).toEqual([200, 'image/png']);
    await turn(false);
    expect([await found(frozen), await found(open)]).toEqual([404, 200]);
    await server.stop();
    await storage.close();
  });
});

/** A PNG of one pixel. */
const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('what a crash leaves', () => {
  test('a blob that has no row is removed at the next start, and no other', async () => {
    const [storage, blobStore] = [await openTestStorage(), createMemoryBlobStore()];
    await server.stop();
    server = await createTestServer({ storage, blobStore });
    alice = await server.createUser('alice');
    const address = await upload('text/plain');
    // The process ends after the blob and before its row.
    const lost = 'f'.repeat(32) as Parameters<MemoryBlobStore['get']>[0];
    await storage.write((transaction) =>
      transaction.run(
        { text: `insert into unowned_blobs (blob, noted_ts) values ('${lost}', 1), ('${'e'.repeat(32)}', 1)` },
        {},
      ),
    );
    await blobStore.put(lost, piecesOf('x'));
    await server.stop();
    server = await createTestServer({ storage, blobStore });
    await expect.poll(() => [...blobStore.blobs.keys()].includes(lost)).toBe(false);
    await expect.poll(() => storage.read({ text: 'select blob from unowned_blobs' }, {})).toEqual([]);
    expect((await download(address)).text).toBe('content');
    await server.stop();
    await storage.close();
  });
});

async function* piecesOf(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}
