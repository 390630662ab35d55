import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { updateForgotten } from '../../storage/queries/memberships.ts';
import { openSqliteStorage } from '../../storage/sqlite/open-sqlite-storage.ts';
import type { Projection } from './projection.ts';

const opened: TestRooms[] = [];

async function start(options: Parameters<typeof createTestRooms>[1] = {}): Promise<TestRooms> {
  const rooms = createTestRooms(await openTestStorage(), options);
  opened.push(rooms);
  return rooms;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((rooms) => rooms.storage.close()));
});

/** A message whose batch fails by itself. */
function failing(rooms: TestRooms, roomId: string) {
  return rooms.writer.change(roomId, () => ({
    events: [{ sender: '@alice:test', type: 'm.room.message', content: { body: 'never' } }],
    alongside: (transaction) =>
      transaction.expect(updateForgotten, { roomNid: -1, userId: '@nobody:test' }, 'nobody is there'),
  }));
}

describe('the writer of rooms', () => {
  test('what rests on a failed batch is decided once more, and nothing of the failed one stays', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const first = await rooms.say(roomId, '@alice:test', 'first');
    const [failed, second, third] = await Promise.allSettled([
      failing(rooms, roomId),
      rooms.say(roomId, '@alice:test', 'second'),
      rooms.say(roomId, '@alice:test', 'third'),
    ]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { expectation: 'nobody is there' } });
    const ids = [second, third].map((result) => (result.status === 'fulfilled' ? result.value : 'failed'));
    const found = await rooms.events.byIds([first, ...ids]);
    expect(ids.map((id) => found.get(id)?.pdu.prevEvents)).toEqual([[first], [ids[0]]]);
    expect([first, ...ids].map((id) => found.get(id)?.place?.roomIndex)).toEqual([7, 8, 9]);
    expect(ids.map((id) => found.get(id)?.pdu.depth)).toEqual([8, 9]);
  });

  test('state that was only in memory is gone with its batch', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const locked = rooms.writer.change(roomId, () => ({
      events: [
        {
          sender: '@alice:test',
          type: 'm.room.join_rules',
          stateKey: '',
          content: { join_rule: 'invite' },
        },
      ],
      alongside: (transaction) =>
        transaction.expect(updateForgotten, { roomNid: -1, userId: '@nobody:test' }, 'nobody is there'),
    }));
    const [failed, joined] = await Promise.allSettled([
      locked,
      rooms.membershipChanges.join({ roomId, userId: '@bob:test' }),
    ]);
    // Bob was refused by a rule that never came to be, so he was asked for once more.
    expect([failed.status, joined.status]).toEqual(['rejected', 'fulfilled']);
    expect(await rooms.content(roomId, 'm.room.join_rules')).toEqual({ join_rule: 'public' });
    expect(await rooms.content(roomId, 'm.room.member', '@bob:test')).toEqual({
      membership: 'join',
      displayname: 'bob',
    });
  });

  test('64 at once in one room come one after the other, in few commits', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'limpet-rooms-'));
    const path = join(directory, 'limpet.db');
    const storage = await openSqliteStorage({ path, random: seededRandom(1), log: silentLog, synchronous: 'off' });
    const rooms = createTestRooms(storage);
    opened.push(rooms);
    const roomId = await rooms.make();
    await rooms.say(roomId, '@alice:test', 'warm');
    const { commits } = rooms.storage.tally;
    const ids = await Promise.all(
      Array.from({ length: 64 }, (_unused, index) => rooms.say(roomId, '@alice:test', `message ${index}`)),
    );
    expect(rooms.storage.tally.commits - commits).toBeLessThanOrEqual(3);
    const found = await rooms.events.byIds(ids);
    for (let index = 1; index < ids.length; index++) {
      expect(found.get(ids[index] ?? '')?.pdu.prevEvents).toEqual([ids[index - 1]]);
    }
  });

  test('more rooms than fit in memory are read again when they are needed, and no event is lost', async () => {
    const rooms = await start({ maxRoomsInMemory: 2 });
    const roomIds = await Promise.all([1, 2, 3, 4, 5].map((number) => rooms.make({ name: `Room ${number}` })));
    await rooms.say(roomIds[0] ?? '', '@alice:test', 'warm');
    const { reads } = rooms.storage.tally;
    await rooms.say(roomIds[0] ?? '', '@alice:test', 'still warm');
    expect(rooms.storage.tally.reads).toBe(reads);
    await Promise.all(
      Array.from({ length: 100 }, (_unused, index) =>
        rooms.say(roomIds[(index * 7) % 5] ?? '', '@alice:test', `message ${index}`),
      ),
    );
    expect(rooms.storage.tally.reads).toBeGreaterThan(reads);
    const counts: number[] = [];
    for (const roomId of roomIds) {
      const room = await rooms.events.room(roomId);
      if (room === undefined) throw new Error('no room');
      const found = await rooms.events.forwards({ room, after: 0, before: 1_000, limit: 1_000 });
      counts.push(found.length);
      for (const [index, event] of found.entries()) {
        expect(event.pdu.prevEvents).toEqual(index === 0 ? [] : [found[index - 1]?.pdu.eventId]);
      }
    }
    expect(counts).toEqual([29, 27, 27, 27, 27]);
  });

  test('a projection sees the room as it was just before each event', async () => {
    const seen: string[] = [];
    let prepared = 0;
    const projection: Projection = {
      async prepare() {
        prepared++;
      },
      project(_transaction, event, room) {
        const isKnown = room.state.has(`${event.pdu.type}\0${event.pdu.stateKey ?? ''}`);
        seen.push(`${event.pdu.type} ${isKnown} ${room.joinedCount} ${[...room.localJoined].join()}`);
      },
    };
    const rooms = await start({ projections: [projection] });
    const roomId = await rooms.make();
    expect(prepared).toBe(1);
    seen.splice(0);
    await rooms.membershipChanges.join({ roomId, userId: '@bob:test' });
    await rooms.membershipChanges.leave({ roomId, userId: '@bob:test' });
    await rooms.say(roomId, '@alice:test', 'Bye');
    expect(seen).toEqual([
      'm.room.member false 1 @alice:test',
      'm.room.member true 2 @alice:test,@bob:test',
      'm.room.message false 1 @alice:test',
    ]);
  });
});

describe('memberships', () => {
  test('readers agree with the tables after any change, whatever they had in memory', async () => {
    const rooms = await start();
    const { membershipChanges: changes } = rooms;
    const roomIds = [await rooms.make(), await rooms.make()];
    const users = ['@bob:test', '@carol:test', '@dave:test'];
    const readAll = async (reader: TestRooms) => {
      const records = await reader.events.rooms([]);
      expect(records.size).toBe(0);
      const found: unknown[] = [];
      for (const roomId of roomIds) {
        const room = await reader.events.room(roomId);
        if (room === undefined) throw new Error('no room');
        found.push(await reader.memberships.counts(room));
        for (const userId of users) found.push(await reader.memberships.of(room, userId));
      }
      for (const userId of users) found.push(await reader.memberships.ofUser(userId));
      return found;
    };
    const target = '@bob:test';
    const steps = [
      ...roomIds.flatMap((roomId) => users.map((userId) => () => changes.join({ roomId, userId }))),
      ...roomIds.map((roomId) => () => changes.kick({ roomId, sender: '@alice:test', target, reason: 'go' })),
      ...roomIds.map((roomId) => () => changes.invite({ roomId, sender: '@alice:test', target })),
      () => changes.updateMemberProfile('@carol:test', { displayName: 'Caroline', avatarUrl: undefined }),
      ...roomIds.map((roomId) => () => changes.leave({ roomId, userId: target })),
      () => changes.forget({ roomId: roomIds[0] ?? '', userId: target }),
      () => changes.ban({ roomId: roomIds[1] ?? '', sender: '@alice:test', target: '@dave:test' }),
      () => changes.unban({ roomId: roomIds[1] ?? '', sender: '@alice:test', target: '@dave:test' }),
    ];
    for (const step of steps) {
      await readAll(rooms);
      await step();
      expect(await readAll(rooms)).toEqual(await readAll(createTestRooms(rooms.storage, { seed: 9 })));
    }
    expect([...(await rooms.memberships.usersSharingRooms('@carol:test'))].sort()).toEqual([
      '@alice:test',
      '@carol:test',
      '@dave:test',
    ]);
    expect(await rooms.memberships.shareRoom('@carol:test', '@dave:test')).toBe(true);
    expect(await rooms.memberships.shareRoom('@carol:test', target)).toBe(false);
  });

  test('C6: the position of a join stays through a new display name, and moves with a new join', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const userId = '@bob:test';
    await rooms.membershipChanges.join({ roomId, userId });
    const recordNow = async () => (await rooms.memberships.ofUser(userId))[0];
    const first = await recordNow();
    await rooms.membershipChanges.updateMemberProfile(userId, { displayName: 'Bobby', avatarUrl: undefined });
    const renamed = await recordNow();
    expect(renamed).toEqual({ ...first, eventNid: renamed?.eventNid });
    expect(renamed?.eventNid).not.toBe(first?.eventNid);
    expect(first?.joinedPosition).toBe(first?.position);
    await rooms.membershipChanges.leave({ roomId, userId });
    expect((await recordNow())?.joinedPosition).toBeUndefined();
    await rooms.membershipChanges.join({ roomId, userId });
    expect((await recordNow())?.joinedPosition).toBeGreaterThan(first?.joinedPosition ?? 0);
  });
});
