import { expect, test } from 'vitest';
import { createTestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { mutualRooms } from './mutual-rooms.ts';

test('a hundred rooms are given at a time, each once, and counted whole', async () => {
  const { events, memberships } = createTestRooms(await openTestStorage());
  const nids = Array.from({ length: 150 }, (_unused, index) => index + 1);
  const record = (roomNid: number) => ({ roomNid, membership: roomNid % 150 === 0 ? 'leave' : 'join' });
  memberships.ofUser = async () => nids.map(record) as never;
  events.rooms = async (wanted) => new Map(wanted.map((nid) => [nid, { nid, roomId: `!${nid}:x` } as never]));
  const ask = (from: string | undefined) =>
    mutualRooms({ events, memberships }, { userId: '@a:x', otherId: '@b:x', from });
  const first = await ask(undefined);
  const second = await ask(first.nextBatch);
  expect([first.joined.length, second.joined.length, first.count, second.count]).toEqual([100, 49, 149, 149]);
  expect(new Set([...first.joined, ...second.joined]).size).toBe(149);
  expect(second.nextBatch).toBeUndefined();
});
