import { findRoomVersion } from '@limpet/protocol/room-version';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { noNetwork } from '../../../tests/support/no-network.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectTypingRooms } from '../../storage/queries/typing.ts';
import type { Storage } from '../../storage/storage.ts';
import { rangesBetween, type StreamVector } from '../../storage/stream.ts';
import { EventStore } from '../rooms/event-store.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { Typing } from './typing.ts';

const ALICE = '@alice:localhost';
const BOB = '@bob:localhost';
const version = findRoomVersion('12');
if (version === undefined) throw new Error('There is no room version 12');
const ROOM: RoomRecord = { nid: 7, roomId: '!r', version, createdTs: 1 };

let storage: Storage;
/** While it is set, no write succeeds. */
let isBroken: boolean;
let world: ManualWorld;
let typing: Typing;
let published: PublishedChange[];

async function createTyping(): Promise<Typing> {
  const events = new EventStore(storage);
  events.rememberRoom(ROOM);
  const platform = { clock: world.clock, timers: world.timers, random: seededRandom(1), log: silentLog, ...noNetwork };
  const breakable = new Proxy(storage, {
    get: (target, property) =>
      property === 'write' && isBroken ? () => Promise.reject(new Error('broken')) : Reflect.get(target, property),
  });
  const created = new Typing(breakable, platform, events);
  await created.start();
  return created;
}

beforeEach(async () => {
  storage = await openTestStorage();
  isBroken = false;
  world = createManualWorld();
  published = [];
  storage.stream.follow((changes) => published.push(...changes));
  typing = await createTyping();
});

afterEach(async () => {
  await typing.stop();
  await storage.close();
});

/** Lets what timers and followers began come to its end. */
async function settle(): Promise<void> {
  await storage.write(() => {});
}

function changedSince(vector: StreamVector): boolean {
  return typing.changedIn(ROOM.roomId, rangesBetween(vector, storage.stream.current()));
}

test('who types is shown in the order of beginning; saying it again is no news', async () => {
  await typing.begin(ROOM, BOB, 30_000);
  await typing.begin(ROOM, ALICE, 30_000);
  expect(typing.in(ROOM.roomId)).toEqual([BOB, ALICE]);
  expect(published).toMatchObject([
    { kind: 'typing', roomId: '!r' },
    { kind: 'typing', roomId: '!r' },
  ]);
  const before = storage.stream.current();
  await typing.begin(ROOM, BOB, 30_000);
  expect(published).toHaveLength(2);
  expect(changedSince(before)).toBe(false);
  await typing.end(ROOM, BOB);
  expect(typing.in(ROOM.roomId)).toEqual([ALICE]);
  expect(changedSince(before)).toBe(true);
  await typing.end(ROOM, BOB);
  expect(published).toHaveLength(3);
  expect(typing.changedIn('!other', rangesBetween(undefined, storage.stream.current()))).toBe(false);
});

test('typing ends by itself, a renewal puts it off, and nobody types longer than two minutes at once', async () => {
  await typing.begin(ROOM, ALICE, 30_000);
  world.advance(29_999);
  await typing.begin(ROOM, ALICE, 10_000_000);
  world.advance(119_999);
  expect(typing.in(ROOM.roomId)).toEqual([ALICE]);
  const before = storage.stream.current();
  world.advance(1);
  await settle();
  expect(typing.in(ROOM.roomId)).toEqual([]);
  expect(changedSince(before)).toBe(true);
});

test('who leaves the room does not type in it', async () => {
  await typing.begin(ROOM, ALICE);
  await storage.write((transaction) =>
    transaction.publish({
      kind: 'membership',
      roomId: ROOM.roomId,
      userId: ALICE,
      membership: 'leave',
      previous: 'join',
    }),
  );
  await settle();
  expect(typing.in(ROOM.roomId)).toEqual([]);
  expect(published.map((change) => change.kind)).toEqual(['typing', 'membership', 'typing']);
});

test('after a restart the clients of a room are told once that nobody types there', async () => {
  await typing.begin(ROOM, ALICE);
  const seen = storage.stream.current();
  await typing.stop();
  typing = await createTyping();
  expect(typing.in(ROOM.roomId)).toEqual([]);
  expect(changedSince(seen)).toBe(true);
  expect(changedSince(storage.stream.current())).toBe(false);
});

test('a room is marked once for all its typing and unmarked ten minutes later', async () => {
  await typing.begin(ROOM, ALICE);
  await typing.end(ROOM, ALICE);
  await typing.begin(ROOM, BOB, 120_000);
  expect(await storage.read(selectTypingRooms, {})).toEqual([{ room_nid: ROOM.nid }]);
  world.advance(120_000);
  await settle();
  world.advance(599_999);
  await typing.sweep();
  expect(await storage.read(selectTypingRooms, {})).toHaveLength(1);
  world.advance(1);
  await typing.sweep();
  expect(await storage.read(selectTypingRooms, {})).toEqual([]);
});

test('a room where somebody goes on typing keeps its mark', async () => {
  for (let minutes = 0; minutes < 12; minutes++) {
    await typing.begin(ROOM, ALICE, 90_000);
    world.advance(60_000);
  }
  await typing.sweep();
  expect(await storage.read(selectTypingRooms, {})).toEqual([{ room_nid: ROOM.nid }]);
});

test('a beginning that could not be published has not begun; an end that could not be is published later', async () => {
  isBroken = true;
  await expect(typing.begin(ROOM, ALICE)).rejects.toThrow('broken');
  expect(typing.in(ROOM.roomId)).toEqual([]);
  isBroken = false;
  await typing.begin(ROOM, ALICE);
  expect(published).toHaveLength(1);
  expect(await storage.read(selectTypingRooms, {})).toHaveLength(1);

  isBroken = true;
  await typing.end(ROOM, ALICE);
  expect(typing.in(ROOM.roomId)).toEqual([]);
  isBroken = false;
  const before = storage.stream.current();
  await typing.sweep();
  expect(changedSince(before)).toBe(true);
  await typing.sweep();
  expect(published).toHaveLength(2);
});

test('a room shows fifty typists at most', async () => {
  for (let count = 0; count < 51; count++) await typing.begin(ROOM, `@user${count}:localhost`);
  expect(typing.in(ROOM.roomId)).toHaveLength(50);
  expect(published).toHaveLength(50);
});
