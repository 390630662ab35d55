import type { JsonObject } from '@limpet/protocol/json';
import { afterEach, describe, expect, test } from 'vitest';
import { createManualWorld } from './support/manual-world.ts';
import { eventIds, eventsIn } from './support/test-room-reading.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

const CLIENT = '/_matrix/client/v3';
const MINUTE_MS = 60_000;
const world = createManualWorld();

let server: TestServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** A whole server with a room of Alice's, whose history is for who was there, and Bob, who is not in it yet. */
async function start() {
  server = await createTestServer({ world });
  const [alice, bob] = [await server.createUser('alice'), await server.createUser('bob')];
  const [aliceToken, bobToken] = [alice.accessToken, bob.accessToken];
  const ask = server;
  const made = await ask.ok('POST', `${CLIENT}/createRoom`, {
    token: aliceToken,
    body: {
      preset: 'public_chat',
      initial_state: [{ type: 'm.room.history_visibility', content: { history_visibility: 'joined' } }],
    },
  });
  const room = `${CLIENT}/rooms/${encodeURIComponent(String(made.room_id))}`;
  const send = async (path: string, body: JsonObject) =>
    String((await ask.ok('PUT', `${room}/${path}`, { token: aliceToken, body })).event_id);
  return {
    room,
    send,
    asAlice: (path: string) => ask.ok('GET', path, { token: aliceToken }),
    asBob: (path: string) => ask.ok('GET', path, { token: bobToken }),
    statusForBob: async (path: string) => (await ask.request('GET', path, { token: bobToken })).status,
    join: () => ask.ok('POST', `${room}/join`, { token: bobToken, body: {} }),
  };
}

describe('a whole server', () => {
  test('C7, C8: who joins later reads what is still sticky on every endpoint, and only so long', async () => {
    const { room, send, asBob, statusForBob, join } = await start();
    const plainId = await send('send/m.room.message/1', { msgtype: 'm.text', body: 'plain' });
    const stickyId = await send('send/m.room.message/2?org.matrix.msc4354.sticky_duration_ms=120000', {
      msgtype: 'm.text',
      body: 'sticky',
    });
    await join();
    world.advance(MINUTE_MS);
    const chunk = async () => (await asBob(`${room}/messages?dir=b&limit=100`)).chunk;
    const before = eventsIn(await chunk());
    expect(before.map((event) => event.event_id)).toContain(stickyId);
    expect(before.map((event) => event.event_id)).not.toContain(plainId);
    const context = await asBob(`${room}/context/${stickyId}`);
    for (const event of [
      await asBob(`${room}/event/${stickyId}`),
      context.event as JsonObject,
      before.find((one) => one.event_id === stickyId) ?? {},
    ]) {
      expect(event).toMatchObject({
        event_id: stickyId,
        msc4354_sticky: { duration_ms: 120_000 },
        unsigned: { sticky_duration_remaining_ms: MINUTE_MS, msc4354_sticky_duration_ttl_ms: MINUTE_MS },
      });
    }
    world.advance(MINUTE_MS);
    expect(eventIds(await chunk())).not.toContain(stickyId);
    expect(await statusForBob(`${room}/event/${stickyId}`)).toBe(404);
    expect(await statusForBob(`${room}/context/${stickyId}`)).toBe(404);
  });

  test('tokens of /sync lead into the history and to the members at that time', async () => {
    const { room, send, asAlice, join } = await start();
    const firstId = await send('send/m.room.message/1', { msgtype: 'm.text', body: 'one' });
    const synced = await asAlice(`${CLIENT}/sync`);
    const secondId = await send('send/m.room.message/2', { msgtype: 'm.text', body: 'two' });
    await join();
    const token = String(synced.next_batch);
    const newer = await asAlice(`${room}/messages?dir=f&limit=1&from=${token}`);
    expect(eventIds(newer.chunk)).toEqual([secondId]);
    const older = await asAlice(`${room}/messages?dir=b&limit=1&from=${token}`);
    expect(eventIds(older.chunk)).toEqual([firstId]);
    expect(eventsIn((await asAlice(`${room}/members?at=${token}`)).chunk)).toHaveLength(1);
    expect(eventsIn((await asAlice(`${room}/members`)).chunk)).toHaveLength(2);
    const limited = await asAlice(
      `${CLIENT}/sync?filter=${encodeURIComponent('{"room":{"timeline":{"limit":1,"types":["m.room.message"]}}}')}`,
    );
    const [joined] = Object.values((limited.rooms as { join: Record<string, JsonObject> }).join);
    const { prev_batch: previous, events } = (joined?.timeline ?? {}) as JsonObject;
    expect(eventIds(events)).toEqual([secondId]);
    const page = await asAlice(
      `${room}/messages?dir=b&from=${previous}&filter=%7B%22types%22:%5B%22m.room.message%22%5D%7D`,
    );
    expect(eventIds(page.chunk)).toEqual([firstId]);
    expect(page.end).toBeUndefined();
  });

  test('the sending device finds its transaction ID; a state key may hold a slash', async () => {
    const { room, send, asAlice, asBob, join } = await start();
    await join();
    const eventId = await send('send/m.room.message/my-own', { msgtype: 'm.text', body: 'one' });
    expect((await asAlice(`${room}/event/${eventId}`)).unsigned).toMatchObject({ transaction_id: 'my-own' });
    expect((await asBob(`${room}/event/${eventId}`)).unsigned).not.toHaveProperty('transaction_id');
    await send(`state/org.example.thing/${encodeURIComponent('a/b')}`, { thing: 1 });
    expect(await asBob(`${room}/state/org.example.thing/${encodeURIComponent('a/b')}`)).toEqual({ thing: 1 });
  });
});
