import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer, type TestServerOptions } from './support/test-server.ts';

const MEDIA = '/_matrix/media/v3';
const CREATE = '/_matrix/media/v1/create';
const DOWNLOAD = '/_matrix/client/v1/media/download';

let world: ManualWorld;
let server: TestServer;
let alice: Session;
let bob: Session;

beforeEach(() => start());

afterEach(() => server.stop());

async function start(options: TestServerOptions = {}): Promise<void> {
  world = createManualWorld();
  server = await createTestServer({ world, ...options });
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
}

/** Gives the address behind `mxc://`. */
async function upload(body: Uint8Array | string, type = 'text/plain', query = ''): Promise<string> {
  const headers = { 'content-type': type };
  const answer = await server.ok('POST', `${MEDIA}/upload${query}`, { token: alice.accessToken, body, headers });
  return addressOf(answer);
}

function addressOf(answer: { content_uri?: unknown }): string {
  const [, address = ''] = /^mxc:\/\/(localhost\/[A-Za-z0-9_-]+)$/.exec(String(answer.content_uri)) ?? [];
  expect(address).not.toBe('');
  return address;
}

function download(address: string, headers: Record<string, string> = {}) {
  return server.request('GET', `${DOWNLOAD}/${address}`, { token: bob.accessToken, headers });
}

describe('an upload', () => {
  test('comes back byte for byte, as it was called', async () => {
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    const got = await download(await upload(bytes, 'image/png', '?filename=cat.png'));
    expect(got.status).toBe(200);
    expect(Buffer.from(got.bytes).equals(Buffer.from(bytes))).toBe(true);
    expect(got.headers).toMatchObject({
      'content-type': 'image/png',
      'content-length': '300000',
      'content-disposition': 'inline; filename=cat.png',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    });
    expect(got.headers['content-security-policy']).toContain("script-src 'none'");
  });

  test('has no type: it is bytes, and nothing to look at', async () => {
    const answer = await server.ok('POST', `${MEDIA}/upload`, { token: alice.accessToken, body: 'x' });
    const got = await download(addressOf(answer));
    expect(got.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment',
    });
  });

  test('of nothing is nothing', async () => {
    const answer = await server.ok('POST', `${MEDIA}/upload`, { token: alice.accessToken });
    const got = await download(addressOf(answer));
    expect([got.status, got.bytes.length, got.headers['content-length']]).toEqual([200, 0, '0']);
  });

  test('needs a token, before any of it is read', async () => {
    const refused = await server.request('POST', `${MEDIA}/upload`, { body: 'x' });
    expect([refused.status, refused.body.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
    expect(await unownedBlobs()).toBe(0);
  });

  test('is as large as the server says, and no larger, whatever its length says', async () => {
    await server.stop();
    await start({ config: { media: { max_upload_bytes: 2_000 } } });
    const { accessToken: token } = alice;
    for (const path of ['/_matrix/client/v1/media/config', `${MEDIA}/config`]) {
      expect(await server.ok('GET', path, { token })).toEqual({ 'm.upload.size': 2_000 });
    }
    await upload('x'.repeat(2_000));
    const refused = await server.request('POST', `${MEDIA}/upload`, { token, body: 'x'.repeat(2_001) });
    expect([refused.status, refused.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
    const headers = { 'content-length': '3' };
    const lying = await server.request('POST', `${MEDIA}/upload`, { token, body: 'xxxxx', headers });
    expect(lying.status).toBeGreaterThanOrEqual(400);
  });

  test('that failed leaves nothing behind', async () => {
    await server.stop();
    await start({ config: { media: { max_upload_bytes: 2_000 } } });
    await server.request('POST', `${MEDIA}/upload`, { token: alice.accessToken, body: 'x'.repeat(2_001) });
    // One that is being written still is looked at again the next time.
    const afterASweep = () => {
      world.advance(600_000);
      return unownedBlobs();
    };
    await expect.poll(afterASweep).toBe(0);
  });

  test('is slowed down where it comes too often', async () => {
    await server.stop();
    const limits = { upload: { burst: 2, perSecond: 1 } };
    await start({ config: { rate_limits: { enabled: true } }, rateLimits: limits });
    await upload('1');
    await upload('2');
    const refused = await server.request('POST', `${MEDIA}/upload`, { token: alice.accessToken, body: '3' });
    expect([refused.status, refused.body.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
  });

  test('with a file name that fits into no header is refused', async () => {
    const path = `${MEDIA}/upload?filename=${'x'.repeat(1_025)}`;
    const refused = await server.request('POST', path, { token: alice.accessToken, body: 'x' });
    expect([refused.status, refused.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });
});

async function unownedBlobs(): Promise<number> {
  return (await server.storage.read({ text: 'select blob from unowned_blobs' }, {})).length;
}

describe('content that comes after its URI', () => {
  async function create(): Promise<string> {
    return addressOf(await server.ok('POST', CREATE, { token: alice.accessToken }));
  }

  function fill(address: string, body: string, token = alice.accessToken) {
    const headers = { 'content-type': 'text/plain' };
    return server.request('PUT', `${MEDIA}/upload/${address}`, { token, body, headers });
  }

  test('is waited for', async () => {
    const answer = await server.ok('POST', CREATE, { token: alice.accessToken });
    expect(answer.unused_expires_at).toBe(world.clock.nowMs() + 24 * 3_600_000);
    const address = addressOf(answer);
    const waiting = download(address);
    expect((await fill(address, 'late')).body).toEqual({});
    const got = await waiting;
    expect([got.status, got.text]).toEqual([200, 'late']);
  });

  test('that does not come in time is M_NOT_YET_UPLOADED', async () => {
    const address = await create();
    const now = await download(`${address}?timeout_ms=0`);
    expect([now.status, now.body.errcode]).toEqual([504, 'M_NOT_YET_UPLOADED']);
    let isOver = false;
    const waiting = download(`${address}?timeout_ms=999999999`).finally(() => {
      isOver = true;
    });
    // No wait is longer than a minute. The request is under way once its timer is there to fire.
    await expect
      .poll(() => {
        world.advance(60_000);
        return isOver;
      })
      .toBe(true);
    expect((await waiting).status).toBe(504);
    expect((await fill(address, 'late')).status).toBe(200);
  });

  test('is for whoever made the URI, and once', async () => {
    const address = await create();
    const other = await fill(address, 'not mine', bob.accessToken);
    expect([other.status, other.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
    const answers = await Promise.all([fill(address, 'one'), fill(address, 'two')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const third = await fill(address, 'three');
    expect([third.status, third.body.errcode]).toEqual([409, 'M_CANNOT_OVERWRITE_MEDIA']);
    expect(['one', 'two']).toContain((await download(address)).text);
  });

  test('is refused where nobody made the URI, or its time is over', async () => {
    const unknown = await fill('localhost/AAAAAAAAAAAAAAAAAAAAAAAA', 'x');
    expect([unknown.status, unknown.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    const address = await create();
    const elsewhere = await fill(address.replace('localhost', 'elsewhere.test'), 'x');
    expect([elsewhere.status, elsewhere.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    world.stepWallClock(24 * 3_600_000);
    const late = await fill(address, 'x');
    expect([late.status, late.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect((await download(address)).status).toBe(404);
  });

  test('may be owed fifty times, and is forgotten after a day', async () => {
    for (let count = 0; count < 50; count++) await create();
    const refused = await server.request('POST', CREATE, { token: alice.accessToken });
    expect([refused.status, refused.body.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect((await server.request('POST', CREATE, { token: bob.accessToken })).status).toBe(200);
    world.stepWallClock(24 * 3_600_000 + 1);
    await create();
    world.advance(600_000);
    const left = () => server.storage.read({ text: 'select media_id from media' }, {});
    await expect.poll(async () => (await left()).length).toBe(1);
  });
});
