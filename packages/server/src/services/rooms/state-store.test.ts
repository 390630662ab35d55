import { afterEach, describe, expect, test } from 'vitest';
import { createTestRooms, type TestRooms } from '../../../tests/support/test-rooms.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { defineStatement } from '../../storage/statement.ts';
import type { RoomEvent } from './room-event.ts';

const opened: TestRooms[] = [];

async function start(): Promise<TestRooms> {
  const rooms = createTestRooms(await openTestStorage());
  opened.push(rooms);
  return rooms;
}

afterEach(async () => {
  await Promise.all(opened.splice(0).map((rooms) => rooms.storage.close()));
});

const countEntries = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from state_snapshot_entries',
);

async function recordOf(rooms: TestRooms, roomId: string) {
  const room = await rooms.events.room(roomId);
  if (room === undefined) throw new Error('no room');
  return room;
}

async function eventOf(rooms: TestRooms, eventId: string): Promise<RoomEvent> {
  const event = (await rooms.events.byIds([eventId])).get(eventId);
  if (event === undefined) throw new Error('no event');
  return event;
}

describe('the state of a room', () => {
  test('5,000 joins take no more than n log2(n) / 2 + n entries, and any snapshot is one read', async () => {
    const rooms = await start();
    const roomId = await rooms.make();
    const members = 5_000;
    for (let index = 0; index < members; index++) {
      await rooms.membershipChanges.join({ roomId, userId: `@user${index}:test` });
    }
    const changes = members + 6;
    const [row] = await rooms.storage.read(countEntries, {});
    expect(row?.count).toBeLessThanOrEqual((changes * Math.log2(changes)) / 2 + changes);

    const last = await eventOf(rooms, await rooms.say(roomId, '@user77:test', 'Hello'));
    const { reads } = rooms.storage.tally;
    const state = await rooms.state.snapshot(last.stateBefore ?? 0);
    expect(rooms.storage.tally.reads - reads).toBe(1);
    expect(state.size).toBe(changes);
    await rooms.state.snapshot(last.stateBefore ?? 0);
    expect(rooms.storage.tally.reads - reads).toBe(1);
    const slotNid = (await rooms.state.slotNid('m.room.member', '@user77:test')) ?? 0;
    const memberNid = state.get(slotNid) ?? 0;
    const member = (await rooms.events.byNids([memberNid])).get(memberNid);
    expect(member?.pdu).toMatchObject({ stateKey: '@user77:test', content: { membership: 'join' } });
    expect(await rooms.memberships.counts(await recordOf(rooms, roomId))).toEqual({ joined: 5_001, invited: 0 });
  });

  test('at every event it is what came before, also where the writer began anew in between', async () => {
    const rooms = await start();
    let writer = rooms;
    const roomId = await rooms.make();
    const naive = new Map<string, string>();
    const expected: { eventId: string; state: Map<string, string> }[] = [];
    for (let step = 0; step < 70; step++) {
      if (step % 9 === 8) writer = createTestRooms(rooms.storage, { seed: step + 2 });
      const stateKey = `slot ${(step * 7) % 11}`;
      const before = new Map(naive);
      const sender = { userId: '@alice:test' };
      const eventId = await writer.sending.setState({ sender, roomId, type: 'x.y', stateKey, content: { step } });
      naive.set(stateKey, eventId);
      expected.push({ eventId, state: before });
    }
    const reader = createTestRooms(rooms.storage);
    for (const { eventId, state } of expected) {
      const event = await eventOf(reader, eventId);
      expect(await slotsOf(reader, await reader.state.snapshot(event.stateBefore ?? 0))).toEqual(state);
      const after = new Map(state).set(event.pdu.stateKey ?? '', eventId);
      expect(await slotsOf(reader, await reader.state.snapshotAfter(event))).toEqual(after);
    }
    const current = await reader.state.currentOfTypes(await recordOf(reader, roomId), ['x.y']);
    expect(new Map(current.map(({ pdu }) => [pdu.stateKey, pdu.eventId]))).toEqual(naive);
  });
});

/** What the slots of type `x.y` hold, by event ID. */
async function slotsOf(rooms: TestRooms, state: ReadonlyMap<number, number>): Promise<Map<string, string>> {
  const slots = await rooms.state.slots([...state.keys()]);
  const events = await rooms.events.byNids([...state.values()]);
  const found = new Map<string, string>();
  for (const [slotNid, eventNid] of state) {
    const slot = slots.get(slotNid);
    if (slot?.type === 'x.y') found.set(slot.stateKey, events.get(eventNid)?.pdu.eventId ?? 'missing');
  }
  return found;
}
