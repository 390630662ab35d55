import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import { afterEach, describe, expect, test } from 'vitest';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
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
