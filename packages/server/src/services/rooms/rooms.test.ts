import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { afterEach, describe, expect, test } from 'vitest';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { openPostgresStorage } from '../../storage/postgres/open-postgres-storage.ts';
import { insertForwardExtremity, selectForwardExtremities } from '../../storage/queries/event-graph.ts';
import { defineStatement } from '../../storage/statement.ts';

const opened: TestRooms[] = [];

async function start(options: Parameters<typeof createTestRooms>[1] = {}): Promise<TestRooms> {
  const rooms = createTestRooms(await openTestStorage(), options);
  opened.push(rooms);
  return rooms;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((rooms) => rooms.storage.close()));
});

describe('a room', () => {
  test.each(ROOM_VERSION_IDS)('version %s: made, joined, spoken in, and the same after a restart', async (version) => {
    const rooms = await start();
    const seen: PublishedChange[] = [];
    rooms.storage.stream.follow((changes) => seen.push(...changes));
    const roomId = await rooms.make({ roomVersion: version, name: 'The pub' });
    await rooms.membershipChanges.join({ roomId, userId: '@bob:test' });
    const eventId = await rooms.say(roomId, '@bob:test', 'Hello');
    expect(seen.map((change) => (change.kind === 'event' ? change.type : change.kind))).toEqual([
      ...['m.room.create', 'm.room.member', 'membership', 'm.room.power_levels', 'm.room.join_rules'],
      ...['m.room.history_visibility', 'm.room.guest_access', 'm.room.name'],
      ...['m.room.member', 'membership', 'm.room.message'],
    ]);
    const again = createTestRooms(rooms.storage, { seed: 2 });
    const secondId = await again.say(roomId, '@alice:test', 'Hello Bob');
    const found = await again.events.byIds([eventId, secondId]);
    expect(found.get(secondId)?.pdu.prevEvents).toEqual([eventId]);
    expect(found.get(eventId)?.place?.roomIndex).toBe(9);
    expect(found.get(secondId)?.place?.roomIndex).toBe(10);
    expect(found.get(secondId)?.stateBefore).toBe(found.get(eventId)?.stateBefore);
    const positions = seen.map((change) => change.position);
    expect(positions).toEqual(positions.toSorted((left, right) => left - right));
  });

  test('a warm room is written without a read', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    await rooms.say(roomId, '@alice:test', 'one', 't1');
    const { reads } = rooms.storage.tally;
    for (let index = 0; index < 10; index++) await rooms.say(roomId, '@alice:test', 'more', `m${index}`);
    expect(rooms.storage.tally.reads - reads).toBe(0);
  });

  test('who is not in it cannot send', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    await expect(rooms.say(roomId, '@bob:test', 'Hello')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
    await expect(rooms.say('!none:test', '@bob:test', 'Hello')).rejects.toMatchObject({ errcode: 'M_FORBIDDEN' });
    await expect(rooms.membershipChanges.join({ roomId: '!none:test', userId: '@bob:test' })).rejects.toMatchObject({
      errcode: 'M_NOT_FOUND',
    });
  });
});

const countEvents = defineStatement<{ type: string }, { count: number }>(
  'select count(*) as count from events where type = :type',
);

describe('B2: a transaction ID', () => {
  test('gives one event ID, one after the other, at once, and after a restart', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const first = rooms.say(roomId, '@alice:test', 'Hello', 't1');
    const atOnce = rooms.say(roomId, '@alice:test', 'Hello', 't1');
    const eventId = await first;
    expect([await atOnce, await rooms.say(roomId, '@alice:test', 'Hello', 't1')]).toEqual([eventId, eventId]);
    const again = createTestRooms(rooms.storage, { seed: 2 });
    // The second one rests on the failed batch of the first, and is decided again.
    const [repeated, other] = await Promise.all([
      again.say(roomId, '@alice:test', 'Hello', 't1'),
      again.say(roomId, '@alice:test', 'Hello', 't2'),
    ]);
    expect(repeated).toBe(eventId);
    expect(other).not.toBe(eventId);
    const [row] = await rooms.storage.read(countEvents, { type: 'm.room.message' });
    expect(row?.count).toBe(2);
    const { batches } = rooms.storage.tally;
    const { reads } = rooms.storage.tally;
    expect(await createTestRooms(rooms.storage).say(roomId, '@alice:test', 'Hello', 't1')).toBe(eventId);
    expect(rooms.storage.tally.batches).toBe(batches);
    expect(rooms.storage.tally.reads).toBeGreaterThan(reads);
  });
});

test('transaction IDs are forgotten after a day, some at a time', async () => {
  const world = createManualWorld();
  const rooms = await start({ world });
  const roomId = await rooms.make();
  await Promise.all(
    Array.from({ length: 600 }, (_unused, index) => rooms.say(roomId, '@alice:test', 'x', `t${index}`)),
  );
  world.advance(24 * 3_600_000);
  await rooms.say(roomId, '@alice:test', 'x', 'later');
  const counts: unknown[] = [];
  for (let sweep = 0; sweep < 3; sweep++) {
    counts.push((await rooms.storage.read(countTransactions, {}))[0]?.count);
    rooms.start();
    world.advance(600_000);
    await rooms.stop();
  }
  expect(counts).toEqual([601, 101, 1]);
});

const countTransactions = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from transaction_ids',
);

describe('a graph that ends in two events', () => {
  test('is brought together by the next one, in the state that was resolved', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const sender = { userId: '@alice:test' };
    const set = (step: number) =>
      rooms.sending.setState({ sender, roomId, type: 'x.y', stateKey: `${step}`, content: { step } });
    const first = await set(1);
    const second = await set(2);
    const room = await rooms.events.room(roomId);
    const [older] = await rooms.events.byIds([first]).then((found) => [...found.values()]);
    if (room === undefined || older === undefined) throw new Error('not there');
    // As a server that sees two ends would have it; what is resolved stands in current_state.
    await rooms.storage.write((transaction) =>
      transaction.run(insertForwardExtremity, { roomNid: room.nid, eventNid: older.nid }),
    );
    const again = createTestRooms(rooms.storage, { seed: 2 });
    const merged = await again.say(roomId, '@alice:test', 'Together');
    const next = await again.say(roomId, '@alice:test', 'On');
    const found = await rooms.events.byIds([merged, next]);
    expect(found.get(merged)?.pdu.prevEvents.toSorted()).toEqual([first, second].toSorted());
    expect(found.get(next)?.pdu.prevEvents).toEqual([merged]);
    const state = await again.state.snapshot(found.get(next)?.stateBefore ?? 0);
    const current = await again.state.currentAll(room);
    expect([...state.values()].sort()).toEqual(current.map((event) => event.nid).sort());
    expect(await rooms.storage.read(selectForwardExtremities, { roomNid: room.nid })).toHaveLength(1);
  });
});

test('PostgreSQL keeps a room the same way, also when another writer was at it meanwhile', async () => {
  const url = await createPostgresDatabase();
  const storage = await openPostgresStorage({ url, random: seededRandom(5), log: silentLog });
  const rooms = createTestRooms(storage);
  opened.push(rooms);
  const { membershipChanges: changes, sending } = rooms;
  const roomId = await rooms.make({ roomAliasName: 'pub', topic: 'Beer' });
  await changes.join({ roomId, userId: '@bob:test' });
  const eventId = await rooms.say(roomId, '@bob:test', 'Hello', 't1');
  const sender = { userId: '@alice:test' };
  for (let step = 0; step < 9; step++) {
    await sending.setState({ sender, roomId, type: 'x.y', stateKey: `${step}`, content: { step } });
  }
  await sending.redact({ sender, roomId, eventId, content: {} });
  const again = createTestRooms(storage, { seed: 2 });
  expect(await again.say(roomId, '@bob:test', 'Hello', 't1')).toBe(eventId);
  const last = await again.say(roomId, '@bob:test', 'Bye', 't2');
  const found = await again.events.byIds([eventId, last]);
  expect(found.get(eventId)?.pdu.content).toEqual({});
  expect((await again.state.snapshot(found.get(last)?.stateBefore ?? 0)).size).toBe(18);
  const room = await again.events.room(roomId);
  if (room === undefined) throw new Error('no room');
  expect(await again.memberships.counts(room)).toEqual({ joined: 2, invited: 0 });
  expect(await again.aliases.ofRoom(room)).toEqual(['#pub:test']);
  await changes.leave({ roomId, userId: '@bob:test' });
  await changes.forget({ roomId, userId: '@bob:test' });
  expect(await again.memberships.ofUser('@bob:test')).toMatchObject([{ membership: 'leave', isForgotten: true }]);
  await expect(rooms.make({ roomAliasName: 'pub' })).rejects.toMatchObject({ errcode: 'M_ROOM_IN_USE' });
});
