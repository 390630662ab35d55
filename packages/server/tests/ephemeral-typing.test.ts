import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import type { Storage } from '../src/storage/storage.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestResponse, type TestServer } from './support/test-server.ts';
import { openTestStorage } from './support/test-storage.ts';

let storage: Storage;
let world: ManualWorld;
let server: TestServer;
let alice: Session;
let bob: Session;
let room: string;

beforeEach(async () => {
  storage = await openTestStorage();
  world = createManualWorld();
  server = await createTestServer({ storage, world });
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const body = { preset: 'public_chat' };
  room = String((await server.ok('POST', '/_matrix/client/v3/createRoom', { token: alice.accessToken, body })).room_id);
  await server.ok('POST', `/_matrix/client/v3/rooms/${room}/join`, { token: bob.accessToken, body: {} });
});

afterEach(async () => {
  await server.stop();
  await storage.close();
});

function type(session: Session, body: JsonObject, userId: string = session.userId): Promise<TestResponse> {
  const path = `/_matrix/client/v3/rooms/${room}/typing/${encodeURIComponent(userId)}`;
  return server.request('PUT', path, { token: session.accessToken, body });
}

/** The users of the `m.typing` in the answer, if there is one. */
async function sync(session: Session, since?: { answer: JsonObject }, timeoutMs = 0) {
  const token = since === undefined ? '' : `&since=${since.answer.next_batch}`;
  const path = `/_matrix/client/v3/sync?timeout=${timeoutMs}${token}`;
  const answer = await server.ok('GET', path, { token: session.accessToken });
  const joined = (answer.rooms as { join?: Record<string, JsonObject> } | undefined)?.join?.[room];
  const { events = [] } = (joined?.ephemeral ?? {}) as { events?: JsonObject[] };
  const found = events.find((event) => event.type === 'm.typing')?.content as JsonObject | undefined;
  return { answer, typing: found?.user_ids };
}

test('who types is shown to who waits, and is shown no more when the time is over', async () => {
  const before = await sync(bob);
  const waiting = sync(bob, before, 30_000);
  expect((await type(alice, { typing: true, timeout: 30_000 })).body).toEqual({});
  const woken = await waiting;
  expect(woken.typing).toEqual([alice.userId]);
  expect((await sync(bob, woken)).typing).toBeUndefined();
  world.advance(30_000);
  await storage.write(() => {});
  const over = await sync(bob, woken);
  expect(over.typing).toEqual([]);
  expect((await sync(bob, over)).typing).toBeUndefined();
});

test('who stops is shown no more, and so is who leaves', async () => {
  await type(alice, { typing: true });
  await type(bob, { typing: true });
  const first = await sync(alice);
  expect(first.typing).toEqual([alice.userId, bob.userId]);
  await type(alice, { typing: false });
  const second = await sync(alice, first);
  expect(second.typing).toEqual([bob.userId]);
  await server.ok('POST', `/_matrix/client/v3/rooms/${room}/leave`, { token: bob.accessToken, body: {} });
  await storage.write(() => {});
  expect((await sync(alice, second)).typing).toEqual([]);
});

test('after a restart nobody is typing any more, and who saw it learns it', async () => {
  await type(alice, { typing: true });
  const before = await sync(bob);
  expect(before.typing).toEqual([alice.userId]);
  await server.stop();
  server = await createTestServer({ storage, world, seed: 2 });
  expect((await sync(bob, before)).typing).toEqual([]);
});

test('one types for oneself alone, in rooms that one is joined to', async () => {
  const carol = await server.createUser('carol');
  const answers = [
    await type(alice, { typing: true }, bob.userId),
    await type(carol, { typing: true }),
    await type(alice, { typing: true }, 'nonsense'),
    await type(alice, { typing: 'yes' }),
    await type(alice, {}),
    await type(alice, { typing: true, timeout: -1 }),
  ];
  expect(answers.map((answer) => [answer.status, answer.body.errcode])).toEqual([
    [403, 'M_FORBIDDEN'],
    [403, 'M_FORBIDDEN'],
    [400, 'M_INVALID_PARAM'],
    [400, 'M_BAD_JSON'],
    [400, 'M_MISSING_PARAM'],
    [400, 'M_INVALID_PARAM'],
  ]);
});
