import { findRoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { selectAccountData } from '../../storage/queries/account-data.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { FullyReadMarkers } from './fully-read.ts';

const ALICE = '@alice:localhost';
const version = findRoomVersion('12');
if (version === undefined) throw new Error('There is no room version 12');
const ROOM: RoomRecord = { nid: 7, roomId: '!r', version, createdTs: 1 };

/** Knows an event `$n` at every index n. */
const events = {
  async byIds(eventIds: readonly string[]) {
    const eventAt = (eventId: string) => ({ room: ROOM, place: { roomIndex: Number(eventId.slice(1)) } });
    return new Map(eventIds.map((eventId) => [eventId, eventAt(eventId)]));
  },
} as unknown as EventStore;

let storage: Storage;
let markers: FullyReadMarkers;

beforeEach(async () => {
  storage = await openTestStorage();
  markers = new FullyReadMarkers(storage, events);
});

afterEach(() => storage.close());

function set(roomIndex: number): Promise<void> {
  return markers.set({ room: ROOM, userId: ALICE, eventId: `$${roomIndex}`, roomIndex });
}

async function marked(): Promise<unknown> {
  const [row] = await storage.read(selectAccountData, { userId: ALICE, roomId: '!r', type: 'm.fully_read' });
  return row && JSON.parse(row.content_json);
}

test.each([[[1, 2, 3, 4]], [[4, 3, 2, 1]], [[2, 4, 1, 3]]])('of %j at once the furthest stands', async (indexes) => {
  await Promise.all(indexes.map(set));
  expect(await marked()).toEqual({ event_id: '$4' });
  await set(3);
  await Promise.all([9, 7, 8].map(set));
  expect(await marked()).toEqual({ event_id: '$9' });
});

test('a marker that does not move is no news', async () => {
  await set(5);
  const { batches } = storage.tally;
  await set(5);
  await set(4);
  expect(storage.tally.batches).toBe(batches);
});
