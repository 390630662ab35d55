import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createManualWorld, type ManualWorld } from './support/manual-world.ts';
import { type SyncAnswer, SyncingClient } from './support/syncing-client.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const MINUTE_MS = 60_000;

let world: ManualWorld;
let server: TestServer;
let alice: Session;
let bob: Session;
let roomId: string;

beforeEach(async () => {
  world = createManualWorld();
  server = await createTestServer({ world, config: { sticky_events: { events_per_sync: 5 } } });
  alice = await server.createUser('alice');
  bob = await server.createUser('bob');
  roomId = await createRoom(alice);
  await join(bob, roomId);
});

afterEach(() => server.stop());

describe('sticky events in /sync', () => {
  test('C1, C3: what does not fit in the timeline stands in the section, and nothing in both', async () => {
    const client = new SyncingClient(server, bob);
    await client.sync();
    const early = await sendSticky(alice, 'early');
    for (let count = 0; count < 30; count += 1) await send(alice, `message ${count}`);
    const late = await sendSticky(alice, 'late');
    const answer = await client.sync();
    expect(answer.stickyIds(roomId)).toEqual([early]);
    expect(answer.timelineIds(roomId)).toContain(late);
    expect(answer.timelineIds(roomId)).not.toContain(early);
    expect(answer.room(roomId).timeline).toMatchObject({ limited: true });
  });

  test('C8, clients 2 and 3: an event in the section has its room_id and what is left', async () => {
    const client = new SyncingClient(server, bob);
    await client.sync();
    await sendSticky(alice, 'here', 5 * MINUTE_MS);
    for (let count = 0; count < 11; count += 1) await send(alice, `message ${count}`);
    world.advance(MINUTE_MS);
    const [event] = (await client.sync()).sticky(roomId);
    expect(event).toMatchObject({
      room_id: roomId,
      msc4354_sticky: { duration_ms: 5 * MINUTE_MS },
      unsigned: { msc4354_sticky_duration_ttl_ms: 4 * MINUTE_MS, sticky_duration_remaining_ms: 4 * MINUTE_MS },
    });
  });

  test.each<[string, JsonObject, JsonObject]>([
    [
      'a filter of fields',
      { event_fields: ['content.body'] },
      { content: { body: 'here' }, room_id: expect.any(String) },
    ],
    [
      'the format of servers',
      { event_format: 'federation' },
      { hashes: expect.any(Object), room_id: expect.any(String) },
    ],
  ])('C8: %s leaves an event what is left of it', async (_, filter, kept) => {
    await sendSticky(alice, 'here', 5 * MINUTE_MS);
    world.advance(MINUTE_MS);
    const unsigned = { msc4354_sticky_duration_ttl_ms: 4 * MINUTE_MS, sticky_duration_remaining_ms: 4 * MINUTE_MS };
    const shown = (await new SyncingClient(server, bob, filter).sync()).room(roomId).timeline?.events.at(-1);
    expect(shown?.unsigned).toEqual(unsigned);
    const client = new SyncingClient(server, bob, { ...filter, room: { timeline: { limit: 0 } } });
    expect((await client.sync()).sticky(roomId)).toEqual([expect.objectContaining({ ...kept, unsigned })]);
  });

  test('C2: a token that has passed an event never brings it again', async () => {
    const client = new SyncingClient(server, bob);
    const sent = await sendSticky(alice, 'once');
    const given = [...(await client.sync()).allIds(roomId), ...(await client.sync()).allIds(roomId)];
    await send(alice, 'something else');
    given.push(...(await client.sync()).allIds(roomId));
    expect(given.filter((id) => id === sent)).toEqual([sent]);
  });

  test.each<[string, JsonObject]>([
    ['types', { types: ['m.room.message'] }],
    ['senders', { senders: [] }],
    ['rooms', { rooms: [] }],
    ['limit', { limit: 0 }],
  ])('C4: what `%s` of a timeline filter took out is put into the section', async (_, timeline) => {
    const client = new SyncingClient(server, bob, { room: { timeline, state: { types: [], rooms: [] } } });
    await client.sync();
    const sent = await sendSticky(alice, 'call', MINUTE_MS, 'org.matrix.msc3401.call.member');
    const answer = await client.sync();
    expect(answer.timelineIds(roomId)).toEqual([]);
    expect(answer.stickyIds(roomId)).toEqual([sent]);
  });

  test('C4: `rooms` and `not_rooms` of a filter hold for the section', async () => {
    await sendSticky(alice, 'not for this client');
    const client = new SyncingClient(server, bob, { room: { not_rooms: [roomId] } });
    expect((await client.sync()).roomIds()).toEqual([]);
  });

  test('C4: events of ignored users are never given', async () => {
    const path = `/_matrix/client/v3/user/${encodeURIComponent(bob.userId)}/account_data/m.ignored_user_list`;
    await server.ok('PUT', path, { token: bob.accessToken, body: { ignored_users: { [alice.userId]: {} } } });
    const sent = await sendSticky(alice, 'ignored');
    for (let count = 0; count < 11; count += 1) await send(bob, `message ${count}`);
    expect((await new SyncingClient(server, bob).sync()).allIds(roomId)).not.toContain(sent);
  });

  test('C5: pages of the oldest first, each request at once, no event skipped or twice', async () => {
    const client = new SyncingClient(server, bob);
    await client.sync();
    const sent: string[] = [];
    for (let count = 0; count < 23; count += 1) sent.push(await sendSticky(alice, `sticky ${count}`));
    const answers: SyncAnswer[] = [];
    for (let count = 0; count < 3; count += 1) answers.push(await client.sync({ timeoutMs: 30_000 }));
    expect(answers[0]?.timelineIds(roomId)).toEqual(sent.slice(-10));
    const pages = answers.map((answer) => answer.stickyIds(roomId));
    expect(pages).toEqual([sent.slice(0, 5), sent.slice(5, 10), sent.slice(10, 13)]);
    answers.push(await client.sync());
    expect(answers.flatMap((answer) => answer.allIds(roomId)).toSorted()).toEqual(sent.toSorted());
  });

  test('C6: who joins gets all unexpired sticky events, whatever the token had passed', async () => {
    const carol = await server.createUser('carol');
    const client = new SyncingClient(server, carol);
    const sent: string[] = [];
    for (let count = 0; count < 7; count += 1) sent.push(await sendSticky(alice, `sticky ${count}`));
    const expired = await sendSticky(alice, 'short', 1_000);
    for (let count = 0; count < 20; count += 1) await send(alice, `message ${count}`);
    world.advance(1_000);
    await client.sync();
    await join(carol, roomId);
    const given = [...(await client.sync()).stickyIds(roomId), ...(await client.sync()).stickyIds(roomId)];
    expect(given).toEqual(sent);
    expect(given).not.toContain(expired);
    expect((await client.sync()).stickyIds(roomId)).toEqual([]);
  });

  test.each([
    ['timeline', 20],
    ['section', 0],
  ])('C6, C7: who joins a room that hides its past finds in the %s what is sticky', async (place, limit) => {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state/m.room.history_visibility`;
    await server.ok('PUT', path, { token: alice.accessToken, body: { history_visibility: 'joined' } });
    const carol = await server.createUser('carol');
    const client = new SyncingClient(server, carol, { room: { timeline: { limit } } });
    await client.sync();
    const [hidden, sent] = [await send(alice, 'plain'), await sendSticky(alice, 'sticky')];
    await join(carol, roomId);
    const answer = await client.sync();
    expect(answer.timelineIds(roomId).includes(sent)).toBe(place === 'timeline');
    expect(answer.stickyIds(roomId)).toEqual(place === 'section' ? [sent] : []);
    expect(answer.allIds(roomId)).not.toContain(hidden);
  });

  test('C9: leaving ends delivery, and the invited get none', async () => {
    const carol = await server.createUser('carol');
    await server.ok('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, {
      token: alice.accessToken,
      body: { user_id: carol.userId },
    });
    const client = new SyncingClient(server, bob);
    await client.sync();
    await server.ok('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/leave`, {
      token: bob.accessToken,
      body: {},
    });
    const sent = await sendSticky(alice, 'after Bob');
    const answers = [await client.sync(), await new SyncingClient(server, carol).sync()];
    for (const answer of answers) expect(JSON.stringify(answer.body)).not.toContain(sent);
  });

  test('C9: an initial sync gives the unexpired ones', async () => {
    const sent = await sendSticky(alice, 'here');
    const expired = await sendSticky(alice, 'gone', 1_000);
    for (let count = 0; count < 20; count += 1) await send(alice, `message ${count}`);
    world.advance(1_000);
    const answer = await new SyncingClient(server, bob).sync();
    expect(answer.stickyIds(roomId)).toEqual([sent]);
    expect(answer.allIds(roomId)).not.toContain(expired);
  });

  test('C12: a waiting client is answered by the event', async () => {
    const client = new SyncingClient(server, bob);
    await client.sync();
    const waiting = client.sync({ timeoutMs: 30_000 });
    const sent = await sendSticky(alice, 'now');
    expect((await waiting).timelineIds(roomId)).toEqual([sent]);
  });

  test('A3, C2: a redacted sticky event is not given to who comes later', async () => {
    const sent = await sendSticky(alice, 'oops');
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(sent)}/r1`;
    await server.ok('PUT', path, { token: alice.accessToken, body: {} });
    for (let count = 0; count < 20; count += 1) await send(alice, `message ${count}`);
    expect((await new SyncingClient(server, bob).sync()).stickyIds(roomId)).toEqual([]);
  });

  test('A2, C5: a restart changes nothing: the chain of tokens goes on, and so does the time left', async () => {
    const client = new SyncingClient(server, bob);
    const sent: string[] = [];
    for (let count = 0; count < 12; count += 1) sent.push(await sendSticky(alice, `sticky ${count}`, 5 * MINUTE_MS));
    for (let count = 0; count < 20; count += 1) await send(alice, `message ${count}`);
    const first = await client.sync();
    await server.server.stop();
    const again = await createTestServer({
      world,
      storage: server.storage,
      seed: 2,
      config: { sticky_events: { events_per_sync: 5 } },
    });
    world.advance(MINUTE_MS);
    client.moveTo(again);
    const second = await client.sync();
    const third = await client.sync();
    expect([first, second, third].flatMap((answer) => answer.stickyIds(roomId))).toEqual(sent);
    expect(second.sticky(roomId)[0]).toMatchObject({ unsigned: { sticky_duration_remaining_ms: 4 * MINUTE_MS } });
    await again.server.stop();
  });
});

describe('sticky events in what was there before /sync', () => {
  interface OldRoom {
    readonly messages: { readonly chunk: JsonObject[]; readonly end: string };
    readonly msc4354_sticky?: { readonly events: JsonObject[] };
  }

  const ROOM_PATH = () => `rooms/${encodeURIComponent(roomId)}/initialSync`;
  const idsOf = (events: unknown): unknown[] => (events as JsonObject[]).map(({ event_id }) => event_id);

  async function get(path: string, who = bob): Promise<JsonObject> {
    return server.ok('GET', `/_matrix/client/v3/${path}`, { token: who.accessToken });
  }

  async function oldRoom(path: string, who = bob): Promise<OldRoom> {
    const answer = await get(`${path}?limit=3`, who);
    return ((answer.rooms as JsonObject[] | undefined)?.[0] ?? answer) as unknown as OldRoom;
  }

  test.each([
    ['all rooms', () => 'initialSync'],
    ['one room', ROOM_PATH],
  ])('C1, C3, C5, C9: %s: what is not among the messages has its section, page by page', async (...at) => {
    const early: string[] = [];
    for (let count = 0; count < 7; count += 1) early.push(await sendSticky(alice, `sticky ${count}`));
    const expired = await sendSticky(alice, 'short', 1_000);
    for (let count = 0; count < 5; count += 1) await send(alice, `message ${count}`);
    const late = await sendSticky(alice, 'late');
    world.advance(1_000);
    const { messages, msc4354_sticky: section } = await oldRoom(at[1]());
    expect(idsOf(messages.chunk)).toContain(late);
    expect(idsOf(section?.events)).toEqual(early.slice(0, 5));
    expect(section?.events[0]).toMatchObject({
      room_id: roomId,
      unsigned: { msc4354_sticky_duration_ttl_ms: 1_799_000 },
    });
    const next = await get(`events?from=${messages.end}&room_id=${encodeURIComponent(roomId)}`);
    expect(idsOf(next.chunk)).toEqual(early.slice(5));
    const last = await get(`events?from=${String(next.end)}&room_id=${encodeURIComponent(roomId)}`);
    expect(last.chunk).toEqual([]);
    const older = await get(`rooms/${encodeURIComponent(roomId)}/messages?dir=b&from=${messages.end}&limit=100`);
    expect(idsOf(older.chunk)).toEqual(expect.arrayContaining([late, expired]));
  });

  test.each([
    ['all rooms', () => 'initialSync'],
    ['one room', ROOM_PATH],
  ])('C4, C9: %s: nothing of ignored users, and nothing for who left', async (_what, path) => {
    await sendSticky(alice, 'here');
    for (let count = 0; count < 5; count += 1) await send(bob, `message ${count}`);
    expect((await oldRoom(path())).msc4354_sticky?.events).toHaveLength(1);
    const ignored = `/_matrix/client/v3/user/${encodeURIComponent(bob.userId)}/account_data/m.ignored_user_list`;
    await server.ok('PUT', ignored, { token: bob.accessToken, body: { ignored_users: { [alice.userId]: {} } } });
    expect(await oldRoom(path())).not.toHaveProperty('msc4354_sticky');
    await server.ok('PUT', ignored, { token: bob.accessToken, body: { ignored_users: {} } });
    await server.ok('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/leave`, {
      token: bob.accessToken,
      body: {},
    });
    expect(await oldRoom(path())).not.toHaveProperty('msc4354_sticky');
  });
});

test('A6: with the feature off the parameter is ignored, and turning it on loses nothing', async () => {
  const sent = await sendSticky(alice, 'kept');
  for (let count = 0; count < 20; count += 1) await send(alice, `message ${count}`);
  await server.server.stop();
  const off = await createTestServer({
    world,
    storage: server.storage,
    seed: 2,
    config: { sticky_events: { enabled: false } },
  });
  expect((await new SyncingClient(off, bob).sync()).stickyIds(roomId)).toEqual([]);
  const versions = await off.ok('GET', '/_matrix/client/versions');
  expect(versions.unstable_features).not.toHaveProperty('org.matrix.msc4354');
  await off.server.stop();
  const on = await createTestServer({ world, storage: server.storage, seed: 3 });
  expect((await new SyncingClient(on, bob).sync()).stickyIds(roomId)).toEqual([sent]);
  await on.server.stop();
});

let transaction = 0;

async function sendSticky(
  session: Session,
  body: string,
  durationMs = 30 * MINUTE_MS,
  type = 'm.room.message',
): Promise<string> {
  return send(session, body, `?org.matrix.msc4354.sticky_duration_ms=${durationMs}`, type);
}

async function send(session: Session, body: string, query = '', type = 'm.room.message'): Promise<string> {
  transaction += 1;
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/send/${type}/t${transaction}${query}`;
  const content: JsonObject = { msgtype: 'm.text', body, msc4354_sticky_key: body };
  const answer = await server.ok('PUT', path, { token: session.accessToken, body: content });
  return answer.event_id as string;
}

async function createRoom(session: Session): Promise<string> {
  const body = { preset: 'public_chat' };
  return (await server.ok('POST', '/_matrix/client/v3/createRoom', { token: session.accessToken, body }))
    .room_id as string;
}

async function join(session: Session, room: string): Promise<void> {
  await server.ok('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, {
    token: session.accessToken,
    body: {},
  });
}
