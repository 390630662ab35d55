import type { JsonObject } from '@limpet/protocol/json';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type Method, type TestResponse, type TestServer } from './support/test-server.ts';

const THREADS = '/_matrix/client/unstable/io.element.msc4306';
const PAGES = '/_matrix/client/unstable/io.element.msc4308/thread_subscriptions';

let server: TestServer;
let alice: Session;
let bob: Session;
let room: string;
let root: string;
let sent = 0;

beforeAll(async () => {
  server = await createTestServer();
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
});
afterAll(() => server.stop());

beforeEach(async () => {
  alice = await server.createUser(`alice${++sent}`);
  room = String((await ask(alice, 'POST', '/createRoom', { preset: 'private_chat' })).body.room_id);
  root = await say();
});

function ask(session: Session, method: Method, path: string, body?: JsonObject): Promise<TestResponse> {
  const full = path.startsWith('/_matrix') ? path : `/_matrix/client/v3${path}`;
  return server.request(method, full, { token: session.accessToken, ...(body === undefined ? {} : { body }) });
}

async function say(threadRoot?: string): Promise<string> {
  const relation = threadRoot && { 'm.relates_to': { rel_type: 'm.thread', event_id: threadRoot } };
  const path = `/rooms/${room}/send/m.room.message/t${++sent}`;
  return String((await ask(alice, 'PUT', path, { msgtype: 'm.text', body: 'x', ...relation })).body.event_id);
}

function at(rootId = root): string {
  return `${THREADS}/rooms/${room}/thread/${encodeURIComponent(rootId)}/subscription`;
}

/** `undefined`: not subscribed. */
async function automatic(): Promise<unknown> {
  const { status, body } = await ask(alice, 'GET', at());
  return status === 404 && body.errcode === 'M_NOT_FOUND' ? undefined : body.automatic;
}

async function page(query: string): Promise<JsonObject> {
  const { status, body } = await ask(alice, 'GET', `${PAGES}?dir=b${query}`);
  expect(status).toBe(200);
  return body;
}

describe('a subscription to a thread (MSC4306)', () => {
  test('is made, looked up and ended; ending it twice is no error', async () => {
    expect(await automatic()).toBeUndefined();
    expect((await ask(alice, 'DELETE', at())).body).toEqual({});
    expect(await ask(alice, 'PUT', at(), {})).toMatchObject({ status: 200, body: {} });
    expect(await automatic()).toBe(false);
    for (let time = 0; time < 2; time += 1) {
      expect(await ask(alice, 'DELETE', at())).toMatchObject({ status: 200, body: {} });
      expect(await automatic()).toBeUndefined();
    }
  });

  test('that the user wants stands over one that a client made by itself', async () => {
    const mention = await say(root);
    expect((await ask(alice, 'PUT', at(), { automatic: mention })).status).toBe(200);
    expect(await automatic()).toBe(true);
    expect((await ask(alice, 'PUT', at(), {})).status).toBe(200);
    expect(await automatic()).toBe(false);
    expect((await ask(alice, 'PUT', at(), { automatic: mention })).status).toBe(200);
    expect(await automatic()).toBe(false);
  });

  test('is not made for an event that came before the user unsubscribed', async () => {
    const old = await say(root);
    await ask(alice, 'PUT', at(), { automatic: old });
    await ask(alice, 'DELETE', at());
    const refused = await ask(alice, 'PUT', at(), { automatic: old });
    expect(refused.status).toBe(409);
    expect(refused.body.errcode).toBe('IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION');
    expect(await automatic()).toBeUndefined();
    expect((await ask(alice, 'PUT', at(), { automatic: await say(root) })).status).toBe(200);
    expect(await automatic()).toBe(true);
  });

  test('is not made for an event of another thread, or of none', async () => {
    const other = await say();
    for (const cause of [root, other, await say(other)]) {
      const { status, body } = await ask(alice, 'PUT', at(), { automatic: cause });
      expect([status, body.errcode]).toEqual([400, 'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD']);
    }
    const unknown = await ask(alice, 'PUT', at(), { automatic: '$nobody-sent-this' });
    expect([unknown.status, unknown.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
  });

  test.each<Method>(['PUT', 'GET', 'DELETE'])('%s needs a root that the user may see', async (method) => {
    const body = method === 'PUT' ? {} : undefined;
    for (const [session, path] of [[bob, at()] as const, [alice, at('$nothing')] as const]) {
      const { status, body: answer } = await ask(session, method, path, body);
      expect([status, answer.errcode]).toEqual([404, 'M_NOT_FOUND']);
    }
    const odd = await ask(alice, method, at('x'), body);
    expect([odd.status, odd.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });

  test('takes an event ID as its cause and nothing else', async () => {
    expect((await ask(alice, 'PUT', at(), { automatic: true })).body.errcode).toBe('M_BAD_JSON');
    expect((await ask(alice, 'PUT', at(), { automatic: 'x' })).body.errcode).toBe('M_INVALID_PARAM');
  });
});

test('subscriptions end with the account', async () => {
  await ask(alice, 'PUT', at(), {});
  const { threadSubscriptions, accounts } = server.server.services;
  const now = () => ({ since: undefined, upTo: server.storage.stream.current() });
  expect((await threadSubscriptions.changed(alice.userId, now(), 1)).changes).toHaveLength(1);
  await accounts.accountChanges.deactivate(alice.userId, { erase: false });
  expect((await threadSubscriptions.changed(alice.userId, now(), 1)).changes).toEqual([]);
});

describe('pages of subscriptions (MSC4308)', () => {
  test('bring how each stands, the newest first, each once', async () => {
    const roots = [root, await say(), await say(), await say(), await say()];
    for (const each of roots) await ask(alice, 'PUT', at(each), {});
    await ask(alice, 'DELETE', at(roots[1]));
    const first = await page('&limit=2');
    expect(threadsOf(first.unsubscribed)).toEqual([roots[1]]);
    expect(threadsOf(first.subscribed)).toEqual([roots[4]]);
    const second = await page(`&limit=2&from=${first.end}`);
    expect(threadsOf(second.subscribed)).toEqual([roots[3], roots[2]]);
    const third = await page(`&limit=2&from=${second.end}`);
    expect(third).toEqual({
      subscribed: { [room]: { [String(root)]: { automatic: false, bump_stamp: expect.any(Number) } } },
    });
    expect(await page(`&to=${first.end}&limit=1000`)).toEqual({
      subscribed: { [room]: { [String(roots[4])]: expect.anything() } },
      unsubscribed: { [room]: { [String(roots[1])]: { bump_stamp: expect.any(Number) } } },
    });
    expect((await ask(bob, 'GET', `${PAGES}?dir=b`)).body).toEqual({});
  });

  test.each([
    ['', 'M_MISSING_PARAM'],
    ['?dir=f', 'M_INVALID_PARAM'],
    ['?dir=b&limit=0', 'M_INVALID_PARAM'],
    ['?dir=b&limit=x', 'M_INVALID_PARAM'],
    ['?dir=b&from=x', 'M_INVALID_PARAM'],
    ['?dir=b&to=s1_other_1-1', 'M_INVALID_PARAM'],
  ])('refuse "%s" with %s', async (query, errcode) => {
    const { status, body } = await ask(alice, 'GET', PAGES + query);
    expect([status, body.errcode]).toEqual([400, errcode]);
  });

  test('need a token', async () => {
    expect((await server.request('GET', `${PAGES}?dir=b`)).status).toBe(401);
    expect((await server.request('PUT', at(), { body: {} })).status).toBe(401);
  });
});

function threadsOf(rooms: unknown): string[] {
  return Object.keys((rooms as Record<string, JsonObject> | undefined)?.[room] ?? {});
}
