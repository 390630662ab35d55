import { findRoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { insertEvent } from '../../storage/queries/event-graph.ts';
import type { Storage } from '../../storage/storage.ts';
import { eventsByTime } from './events-by-time.ts';

let storage: Storage;

beforeEach(async () => {
  storage = await openTestStorage();
});

afterEach(() => storage.close());

const version = findRoomVersion('12');
if (version === undefined) throw new Error('There is no version 12');
const ROOM = { nid: 1, roomId: '!room', version, createdTs: 1 };

/** Events named by their number, at these places of the timeline and times. */
async function keep(events: readonly { readonly index: number; readonly ts: number }[]): Promise<void> {
  await storage.write((transaction) => {
    for (const { index, ts } of events) {
      const eventNid = transaction.allocate();
      const place = { roomIndex: index, writer: 1, position: eventNid };
      const row = { ...USUAL_ROW, ...place, eventNid, eventId: `$${index}`, originServerTs: ts };
      transaction.run(insertEvent, row);
    }
  });
}

const find = async (ts: number, direction: 'f' | 'b') =>
  (await eventsByTime(storage, ROOM, { ts, direction }))[0]?.eventId;

test('an empty room has no event of any time', async () => {
  expect(await find(1, 'f')).toBeUndefined();
});

test('the closest event is found over numbers that are left out, for few reads', async () => {
  const far = 1_000_000_000;
  await keep(Array.from({ length: 50 }, (_, index) => ({ index: index - 20, ts: 1_000 + 10 * index })));
  await keep(Array.from({ length: 50 }, (_, index) => ({ index: far + index, ts: 5_000 + 10 * index })));
  const { reads } = storage.tally;
  expect([await find(1_005, 'b'), await find(1_005, 'f')]).toEqual(['$-20', '$-19']);
  expect([await find(3_000, 'b'), await find(3_000, 'f')]).toEqual(['$29', `$${far}`]);
  expect([await find(5_015, 'b'), await find(5_015, 'f')]).toEqual([`$${far + 1}`, `$${far + 2}`]);
  expect([await find(1, 'b'), await find(9_999, 'f')]).toEqual([undefined, undefined]);
  expect((storage.tally.reads - reads) / 8).toBeLessThan(45);
});

test('single timestamps of 1970 and 3000 mislead nobody', async () => {
  const odd = new Map([
    [100, 0],
    [500, 32_503_680_000_000],
    [501, 0],
    [749, 32_503_680_000_000],
  ]);
  await keep(Array.from({ length: 1_000 }, (_, index) => ({ index, ts: odd.get(index) ?? 1_000_000 + 10 * index })));
  for (const index of [3, 99, 250, 499, 502, 750, 998]) {
    expect(await find(1_000_000 + 10 * index - 5, 'f')).toBe(`$${index}`);
    expect(await find(1_000_000 + 10 * index + 5, 'b')).toBe(`$${index}`);
  }
});

const USUAL_ROW = {
  roomNid: 1,
  type: 'org.example',
  stateKey: null,
  sender: '@alice:test',
  depth: 1,
  receivedTs: 1,
  stateBefore: null,
  roomStateBefore: null,
  roomStateAfter: null,
  isRejected: 0,
  isSoftFailed: 0,
  hasUrl: 0,
  redactedBy: null,
  json: '{}',
};
