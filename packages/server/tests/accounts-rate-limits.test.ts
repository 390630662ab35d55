import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RATE_LIMITS } from '../src/config/rate-limits.ts';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type Method, type TestServer } from './support/test-server.ts';

/** Each limit once: the configuration makes it one request at a time, the next one is refused, and later one passes. */

const V3 = '/_matrix/client/v3';
const DELAYED = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events';
/** How long a bucket of one takes to fill; less for what a request takes besides the limit that it is here for. */
const REFILL_MS = 1_000_000;
const SOONER: Readonly<Record<string, number>> = { login: 1_000, loginToAccount: 10_000, manageDelayedEvent: 1_000 };

const world = createManualWorld();
let server: TestServer;
let alice: Session;
let roomId: string;
let delayId: string;

/** Limits that other requests of this story take as well; they are walked through by tests of their own. */
const ELSEWHERE = ['general', 'federation'];

beforeAll(async () => {
  const names = Object.keys(RATE_LIMITS).filter((name) => !ELSEWHERE.includes(name));
  const limits = names.map((name) => [
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
    { burst: 1, per_second: 1_000 / refillOf(name) },
  ]);
  server = await createTestServer({
    world,
    config: {
      rate_limits: { enabled: true, ...Object.fromEntries(limits) },
      registration: { mode: 'open' },
      media: { url_previews: true },
    },
  });
  alice = await server.createUser('alice');
  await server.createUser('bob');
  const made = await server.ok('POST', `${V3}/createRoom`, { token: alice.accessToken, body: {} });
  roomId = String(made.room_id);
  const later = `${V3}/rooms/${roomId}/send/m.room.message/later?org.matrix.msc4140.delay=86400000`;
  delayId = String((await server.ok('PUT', later, { token: alice.accessToken, body: {} })).delay_id);
});

afterAll(() => server.stop());

function refillOf(name: string): number {
  return SOONER[name] ?? REFILL_MS;
}

let count = 0;

function as(method: Method, path: string, body?: JsonObject | Uint8Array) {
  count++;
  const url = path.replace('NUMBER', String(count)).replace('ROOM', roomId).replace('DELAY', delayId);
  const token = alice.accessToken;
  return server.request(
    method,
    url.startsWith('/') ? url : `${V3}/${url}`,
    body === undefined ? { token } : { token, body },
  );
}

function passwordOf(user: string) {
  const identifier = { type: 'm.id.user', user };
  return { type: 'm.login.password', identifier, password: `password of ${user}` };
}

interface Case {
  readonly ask: () => ReturnType<typeof as>;
  /** Until what it takes besides is there again. */
  readonly pauseMs?: number;
}

const CASES: Readonly<Record<string, Case>> = {
  login: { ask: () => as('POST', 'login', { type: 'm.login.nothing' }) },
  loginToAccount: { ask: () => as('POST', 'login', passwordOf('bob')), pauseMs: 1_000 },
  refresh: { ask: () => as('POST', 'refresh', { refresh_token: 'x' }) },
  loginToken: {
    ask: () => as('POST', '/_matrix/client/v1/login/get_token', { auth: passwordOf('alice') }),
    pauseMs: 10_000,
  },
  registration: { ask: () => as('GET', 'register/available?username=userNUMBER') },
  send: { ask: () => as('PUT', 'rooms/ROOM/send/m.room.message/NUMBER', { body: 'x' }) },
  delayedEvent: { ask: () => as('PUT', 'rooms/ROOM/send/m.room.message/NUMBER?org.matrix.msc4140.delay=86400000', {}) },
  manageDelayedEvent: { ask: () => as('POST', `${DELAYED}/DELAY/restart`, {}) },
  sendDelayedEvent: { ask: () => as('POST', `${DELAYED}/unknown/send`, {}), pauseMs: 1_000 },
  join: { ask: () => as('POST', 'rooms/ROOM/join', {}) },
  invite: { ask: () => as('POST', 'rooms/ROOM/invite', { user_id: '@bob:localhost' }) },
  createRoom: { ask: () => as('POST', 'createRoom', {}) },
  report: { ask: () => as('POST', 'rooms/ROOM/report', { reason: 'x' }) },
  lookUp: { ask: () => as('POST', 'user_directory/search', { search_term: 'bob' }) },
  upload: { ask: () => as('POST', '/_matrix/media/v3/upload', new Uint8Array([1])) },
  fetchMedia: { ask: () => as('GET', '/_matrix/client/v1/media/download/elsewhere/mediaNUMBER') },
  previewUrl: { ask: () => as('GET', '/_matrix/client/v1/media/preview_url?url=https%3A%2F%2Fexample.org%2FNUMBER') },
};

test('every limit has its turn here', () => {
  expect([...Object.keys(CASES), ...ELSEWHERE].sort()).toEqual(Object.keys(RATE_LIMITS).sort());
});

test.each(Object.entries(CASES))('%s: the second request is refused, with when to come back', async (name, one) => {
  const { ask, pauseMs = 0 } = one;
  world.advance(REFILL_MS);
  expect((await ask()).status).not.toBe(429);
  world.advance(pauseMs);
  const refused = await ask();
  const waitMs = refillOf(name) - pauseMs;
  expect(refused).toMatchObject({ status: 429, body: { errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: waitMs } });
  expect(refused.headers['retry-after']).toBe(String(waitMs / 1_000));
  world.advance(waitMs);
  expect((await ask()).status).not.toBe(429);
});

test.each([
  () => as('POST', 'search', { search_categories: { room_events: { search_term: 'x' } } }),
  () => as('GET', '/_matrix/client/v1/rooms/ROOM/hierarchy'),
  () => as('GET', '/_matrix/client/v1/room_summary/ROOM'),
])('what looks through much, or asks other servers, is a look-up (%#)', async (ask) => {
  world.advance(REFILL_MS);
  expect([(await ask()).status, (await ask()).status]).toEqual([200, 429]);
});
