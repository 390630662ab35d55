import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Session } from '../src/services/accounts/sessions.ts';
import { createTestServer, type TestResponse, type TestServer } from './support/test-server.ts';

let server: TestServer;
let alice: Session;
let bob: Session;
let room: string;
let sent = 0;

beforeEach(async () => {
  server = await createTestServer();
  [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const { body } = await post(alice, '/createRoom', { preset: 'public_chat' });
  room = String(body.room_id);
  expect((await post(bob, `/rooms/${room}/join`)).status).toBe(200);
});

afterEach(() => server.stop());

function post(session: Session, path: string, body: JsonObject = {}): Promise<TestResponse> {
  return server.request('POST', `/_matrix/client/v3${path}`, { token: session.accessToken, body });
}

async function say(content: JsonObject = {}): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${room}/send/m.room.message/t${++sent}`;
  const body = { msgtype: 'm.text', body: 'hello', ...content };
  return String((await server.ok('PUT', path, { token: alice.accessToken, body })).event_id);
}

function read(session: Session, type: string, eventId: string, body?: JsonObject): Promise<TestResponse> {
  return post(session, `/rooms/${room}/receipt/${type}/${encodeURIComponent(eventId)}`, body);
}

async function sync(session: Session, since?: JsonObject) {
  const token = since === undefined ? '' : `?since=${since.next_batch}`;
  const answer = await server.ok('GET', `/_matrix/client/v3/sync${token}`, { token: session.accessToken });
  const joined = (answer.rooms as { join?: Record<string, JsonObject> } | undefined)?.join?.[room] ?? {};
  return {
    answer,
    receipts: contentOf(joined.ephemeral, 'm.receipt'),
    fullyRead: contentOf(joined.account_data, 'm.fully_read'),
  };
}

function contentOf(section: unknown, type: string): unknown {
  const { events = [] } = (section ?? {}) as { events?: JsonObject[] };
  const found = events.filter((event) => event.type === type);
  expect(found.length).toBeLessThan(2);
  return found[0]?.content;
}

const ts = expect.any(Number);

describe('receipts', () => {
  test('come to everybody in the room, private ones to their user alone', async () => {
    const [first, second] = [await say(), await say()];
    const before = { alice: await sync(alice), bob: await sync(bob) };
    expect((await read(bob, 'm.read', first)).body).toEqual({});
    expect((await read(bob, 'm.read.private', second)).status).toBe(200);
    const own = {
      [first]: { 'm.read': { [bob.userId]: { ts } } },
      [second]: { 'm.read.private': { [bob.userId]: { ts } } },
    };
    const open = { [first]: own[first] };
    expect((await sync(alice, before.alice.answer)).receipts).toEqual(open);
    expect((await sync(bob, before.bob.answer)).receipts).toEqual(own);
    expect((await sync(alice)).receipts).toEqual(open);
    expect((await sync(bob)).receipts).toEqual(own);
  });

  test('never move back; one that does not move is no news', async () => {
    const [first, second] = [await say(), await say()];
    await read(bob, 'm.read', second);
    const before = await sync(alice);
    expect((await read(bob, 'm.read', first)).status).toBe(200);
    expect((await read(bob, 'm.read', second)).status).toBe(200);
    expect((await sync(alice, before.answer)).receipts).toBeUndefined();
    expect((await sync(alice)).receipts).toEqual({ [second]: { 'm.read': { [bob.userId]: { ts } } } });
  });

  test('of threads stand beside those of the whole room', async () => {
    const root = await say();
    const inThread = await say({ 'm.relates_to': { rel_type: 'm.thread', event_id: root } });
    expect((await read(bob, 'm.read', root, { thread_id: 'main' })).status).toBe(200);
    expect((await read(bob, 'm.read', inThread, { thread_id: root })).status).toBe(200);
    expect((await sync(alice)).receipts).toEqual({
      [root]: { 'm.read': { [bob.userId]: { ts, thread_id: 'main' } } },
      [inThread]: { 'm.read': { [bob.userId]: { ts, thread_id: root } } },
    });
    for (const [eventId, threadId] of [
      [inThread, 'main'],
      [root, inThread],
      [root, ''],
      [root, 5],
    ] as const) {
      const answer = await read(bob, 'm.read', eventId, { thread_id: threadId });
      expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
    }
    const answer = await read(bob, 'm.fully_read', root, { thread_id: 'main' });
    expect(answer.body.errcode).toBe('M_INVALID_PARAM');
  });

  test('bad ones are refused', async () => {
    const event = await say();
    const carol = await server.createUser('carol');
    const { body } = await post(alice, '/createRoom', {});
    const elsewhere = await read(bob, 'm.read', event).then(() =>
      post(alice, `/rooms/${body.room_id}/receipt/m.read/${encodeURIComponent(event)}`),
    );
    const answers = [
      elsewhere,
      await read(bob, 'm.read', '$unknown'),
      await read(bob, 'm.read', 'nonsense'),
      await read(bob, 'm.unknown', event),
      await read(carol, 'm.read', event),
      await post(bob, `/rooms/!unknown/receipt/m.read/${encodeURIComponent(event)}`),
      await post(bob, `/rooms/!unknown:localhost/receipt/m.read/${encodeURIComponent(event)}`),
    ];
    expect(answers.map((answer) => [answer.status, answer.body.errcode])).toEqual([
      [404, 'M_NOT_FOUND'],
      [404, 'M_NOT_FOUND'],
      [400, 'M_INVALID_PARAM'],
      [400, 'M_INVALID_PARAM'],
      [403, 'M_FORBIDDEN'],
      [400, 'M_INVALID_PARAM'],
      [403, 'M_FORBIDDEN'],
    ]);
  });
});

describe('read markers', () => {
  test('are account data of the room that nobody else sees, and never move back', async () => {
    const [first, second] = [await say(), await say()];
    const before = await sync(bob);
    expect((await read(bob, 'm.fully_read', first)).status).toBe(200);
    const moved = await sync(bob, before.answer);
    expect(moved.fullyRead).toEqual({ event_id: first });
    const markers = { 'm.fully_read': second, 'm.read': second, 'm.read.private': first };
    expect((await post(bob, `/rooms/${room}/read_markers`, markers)).body).toEqual({});
    const after = await sync(bob, moved.answer);
    expect(after.fullyRead).toEqual({ event_id: second });
    expect(after.receipts).toEqual({
      [second]: { 'm.read': { [bob.userId]: { ts } } },
      [first]: { 'm.read.private': { [bob.userId]: { ts } } },
    });
    expect((await post(bob, `/rooms/${room}/read_markers`, { 'm.fully_read': first })).status).toBe(200);
    expect((await sync(bob, after.answer)).fullyRead).toBeUndefined();
    expect((await sync(bob)).fullyRead).toEqual({ event_id: second });
    expect((await sync(alice)).fullyRead).toBeUndefined();
  });

  test('of several, the furthest stands, also when all come at once', async () => {
    const events = [await say(), await say(), await say(), await say()];
    const answers = await Promise.all(events.toReversed().map((eventId) => read(bob, 'm.fully_read', eventId)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    expect((await sync(bob)).fullyRead).toEqual({ event_id: events.at(-1) });
  });

  test('are set all or none, and nothing asked for is fine', async () => {
    const event = await say();
    const bad = { 'm.read': event, 'm.fully_read': '$unknown' };
    const answer = await post(bob, `/rooms/${room}/read_markers`, bad);
    expect([answer.status, answer.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect((await post(bob, `/rooms/${room}/read_markers`, {})).status).toBe(200);
    expect(await sync(bob)).toMatchObject({ receipts: undefined, fullyRead: undefined });
  });
});
