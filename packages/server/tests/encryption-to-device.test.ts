import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type TestResponse, type TestServer } from './support/test-server.ts';

let server: TestServer;
let alice: Session;
let bob: Session;

beforeEach(async () => {
  server = await createTestServer();
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
});

afterEach(() => server.stop());

function send(messages: JsonObject, transactionId: string, type = 'm.test'): Promise<TestResponse> {
  const path = `/_matrix/client/v3/sendToDevice/${type}/${transactionId}`;
  return server.request('PUT', path, { token: alice.accessToken, body: { messages } });
}

async function sync(session: Session, since?: JsonObject) {
  const token = since === undefined ? '' : `?since=${since.next_batch}`;
  const answer = await server.ok('GET', `/_matrix/client/v3/sync${token}`, { token: session.accessToken });
  const { events = [] } = (answer.to_device ?? {}) as { events?: JsonObject[] };
  return { answer, events };
}

test('a message comes with the next sync, again until it is acknowledged, and then no more', async () => {
  const start = await sync(bob);
  expect((await send({ [bob.userId]: { [bob.deviceId]: { n: 1 } } }, 't1')).body).toEqual({});
  expect((await send({ [bob.userId]: { '*': { n: 2 } } }, 't2')).status).toBe(200);
  expect((await send({ [bob.userId]: { '*': { n: 2 } } }, 't2')).status).toBe(200);
  const expected = [1, 2].map((n) => ({ type: 'm.test', sender: alice.userId, content: { n } }));
  const first = await sync(bob, start.answer);
  expect(first.events).toEqual(expected);
  expect((await sync(bob, start.answer)).events).toEqual(expected);
  expect((await sync(bob, first.answer)).events).toEqual([]);
  const third = { type: 'm.test', sender: alice.userId, content: { n: 3 } };
  await send({ [bob.userId]: { [bob.deviceId]: { n: 3 } } }, 't3');
  expect((await sync(bob, first.answer)).events).toEqual([third]);
  await server.server.services.encryption.stop();
  expect((await sync(bob, start.answer)).events).toEqual([third]);
  expect((await sync(alice)).events).toEqual([]);
});

test('a message that comes while the client waits wakes it', async () => {
  const { answer } = await sync(bob);
  const path = `/_matrix/client/v3/sync?timeout=30000&since=${answer.next_batch}`;
  const waiting = server.ok('GET', path, { token: bob.accessToken });
  await send({ [bob.userId]: { [bob.deviceId]: { n: 1 } } }, 't1');
  expect(await waiting).toMatchObject({ to_device: { events: [{ content: { n: 1 } }] } });
});

test.each<[JsonObject, number, string]>([
  [{ bob: { D: {} } }, 400, 'M_INVALID_PARAM'],
  [{ '@bob:localhost': { D: 'text' } }, 400, 'M_BAD_JSON'],
  [{ '@bob:localhost': ['D'] }, 400, 'M_BAD_JSON'],
  [{ '@bob:localhost': { D: { body: 'x'.repeat(60_000) } } }, 413, 'M_TOO_LARGE'],
])('bad messages are refused', async (messages, status, errcode) => {
  const answer = await send(messages, 't1');
  expect([answer.status, answer.body.errcode]).toEqual([status, errcode]);
});

test('a request without messages is refused, one for nobody is fine', async () => {
  const path = '/_matrix/client/v3/sendToDevice/m.test/t1';
  const answer = await server.request('PUT', path, { token: alice.accessToken, body: {} });
  expect([answer.status, answer.body.errcode]).toEqual([400, 'M_MISSING_PARAM']);
  expect((await send({}, 't1')).status).toBe(200);
  expect((await send({ '@x:other.example': { D: {} }, [bob.userId]: { GONE: {} } }, 't1')).status).toBe(200);
});
