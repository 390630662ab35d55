import { findRoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { upsertReceipt } from '../../storage/queries/receipts.ts';
import type { Storage } from '../../storage/storage.ts';
import { rangesBetween, type StreamVector } from '../../storage/stream.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { Receipts } from './receipts.ts';

const [ALICE, BOB] = ['@alice:localhost', '@bob:localhost'];
const version = findRoomVersion('12');
if (version === undefined) throw new Error('There is no room version 12');
const ROOM: RoomRecord = { nid: 7, roomId: '!r', version, createdTs: 1 };
const OTHER: RoomRecord = { nid: 8, roomId: '!other', version, createdTs: 1 };

let storage: Storage;
let world: ManualWorld;
let receipts: Receipts;
let published: PublishedChange[];

beforeEach(async () => {
  storage = await openTestStorage();
  world = createManualWorld(1_000);
  receipts = new Receipts(storage, { ...world, random: seededRandom(1), log: silentLog, ...noNetwork });
  published = [];
  storage.stream.follow((changes) => published.push(...changes));
});

afterEach(() => storage.close());

interface Spot {
  readonly type?: 'm.read' | 'm.read.private';
  readonly thread?: string;
  readonly room?: RoomRecord;
}

/** Sets a receipt at the event of this index, `$3` at 3. */
function read(userId: string, roomIndex: number, { type, thread, room }: Spot = {}): Promise<void> {
  return receipts.set({
    room: room ?? ROOM,
    userId,
    receiptType: type ?? 'm.read',
    threadId: thread,
    eventId: `$${roomIndex}`,
    roomIndex,
  });
}

function since(vector: StreamVector | undefined, userId = ALICE) {
  const ranges = vector === undefined ? undefined : rangesBetween(vector, storage.stream.current());
  return receipts.content(ROOM, userId, ranges);
}

describe('setting a receipt', () => {
  test('publishes it; the user has one of each type and thread', async () => {
    await read(ALICE, 1);
    world.advance(500);
    await read(ALICE, 2);
    await read(ALICE, 3, { thread: 'main' });
    await read(ALICE, 4, { type: 'm.read.private' });
    expect(published).toMatchObject([
      { kind: 'receipt', roomId: '!r', userId: ALICE, receiptType: 'm.read' },
      { receiptType: 'm.read' },
      { receiptType: 'm.read' },
      { receiptType: 'm.read.private' },
    ]);
    expect(await receipts.ofUser(ROOM, ALICE)).toEqual([
      { receiptType: 'm.read', threadId: undefined, eventId: '$2', roomIndex: 2 },
      { receiptType: 'm.read', threadId: 'main', eventId: '$3', roomIndex: 3 },
      { receiptType: 'm.read.private', threadId: undefined, eventId: '$4', roomIndex: 4 },
    ]);
    expect(await since(undefined)).toEqual({
      $2: { 'm.read': { [ALICE]: { ts: 1_500 } } },
      $3: { 'm.read': { [ALICE]: { ts: 1_500, thread_id: 'main' } } },
      $4: { 'm.read.private': { [ALICE]: { ts: 1_500 } } },
    });
  });

  test('never moves it back, and a repeated one is no news', async () => {
    await read(ALICE, 5);
    await read(ALICE, 4);
    await read(ALICE, 5);
    await Promise.all([read(ALICE, 9), read(ALICE, 7), read(ALICE, 8)]);
    expect(await receipts.ofUser(ROOM, ALICE)).toMatchObject([{ roomIndex: 9 }]);
    expect(published).toHaveLength(2);
  });
});

describe('what a sync shows', () => {
  test('the receipts that changed after the token, of this room alone', async () => {
    await read(ALICE, 1);
    const before = storage.stream.current();
    expect(await since(before)).toBeUndefined();
    await read(BOB, 2);
    await read(BOB, 3, { room: OTHER });
    expect(await since(before)).toEqual({ $2: { 'm.read': { [BOB]: { ts: 1_000 } } } });
    expect(Object.keys((await since(undefined)) ?? {})).toEqual(expect.arrayContaining(['$1', '$2']));
  });

  test('private ones to their user alone', async () => {
    const before = storage.stream.current();
    await read(BOB, 2, { type: 'm.read.private' });
    expect(await since(before, ALICE)).toBeUndefined();
    expect(await since(undefined, ALICE)).toBeUndefined();
    const own = { $2: { 'm.read.private': { [BOB]: { ts: 1_000 } } } };
    expect(await since(before, BOB)).toEqual(own);
    expect(await since(undefined, BOB)).toEqual(own);
  });

  test.each([
    [undefined, 'main'],
    ['main', undefined],
  ])('of two receipts for one event (%s, then %s) the unthreaded one', async (...threads) => {
    for (const thread of threads) await read(ALICE, 2, thread === undefined ? {} : { thread });
    expect(await since(undefined)).toEqual({ $2: { 'm.read': { [ALICE]: { ts: 1_000 } } } });
  });

  test('at most five thousand, the newest, and always the own ones', async () => {
    await read(ALICE, 1);
    const before = new Map([[1, 0]]);
    await storage.write((transaction) => {
      for (let count = 0; count < 5_001; count++) {
        const userId = `@user${count}:localhost`;
        const position = transaction.publish({ kind: 'receipt', roomId: '!r', userId, receiptType: 'm.read' });
        const at = { eventId: '$2', roomIndex: 2, ts: 1, writer: transaction.writer, position };
        transaction.run(upsertReceipt, { roomNid: 7, userId, receiptType: 'm.read', threadId: '', ...at });
      }
    });
    for (const content of [await since(undefined), await since(before)]) {
      expect(Object.keys(content?.$1 ?? {})).toEqual(['m.read']);
      const users = Object.keys((content?.$2 as Record<string, object> | undefined)?.['m.read'] ?? {});
      expect(users).toHaveLength(5_000);
      expect(users).not.toContain('@user0:localhost');
    }
  });
});
