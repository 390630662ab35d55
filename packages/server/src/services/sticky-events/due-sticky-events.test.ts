import { findRoomVersion } from '@limpet/protocol/room-version';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { insertStickyEvent } from '../../storage/queries/sticky-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { DueStickyEvents } from './due-sticky-events.ts';
import { STICKY_START, type StickyCursor, stickyCursorAt } from './sticky-cursor.ts';
import { StickyRooms } from './sticky-rooms.ts';

const version = findRoomVersion('12');
if (version === undefined) throw new Error('no room version 12');
const NOW_MS = 1_000_000;
const NOBODY: ReadonlySet<string> = new Set();

let storage: Storage;
let nextRoom = 1;

beforeAll(async () => {
  storage = await openTestStorage();
});
afterAll(() => storage.close());

function newRoom(): RoomRecord {
  nextRoom += 1;
  return { nid: nextRoom, roomId: `!${nextRoom}`, version: version as NonNullable<typeof version>, createdTs: 0 };
}

/** A world of a few rooms, one user and his chain of tokens. */
class World {
  readonly stickyRooms = new StickyRooms();
  readonly due = new DueStickyEvents(storage, this.stickyRooms);
  readonly rooms = [newRoom(), newRoom(), newRoom()];
  readonly joinedAt = new Map<number, number>();
  position = 0;
  nowMs = NOW_MS;
  since = 0;
  cursor: StickyCursor = STICKY_START;

  async step(): Promise<number> {
    const committed = await storage.write((transaction) => transaction.allocate());
    this.position = committed.value;
    return committed.value;
  }

  /** A sticky event of this room; its position doubles as its nid. */
  async send(room: RoomRecord, untilMs = NOW_MS + 1): Promise<number> {
    const position = await this.step();
    await storage.write((transaction) =>
      transaction.run(insertStickyEvent, {
        eventNid: position,
        roomNid: room.nid,
        sender: '@alice:localhost',
        untilMs,
        writer: 1,
        position,
      }),
    );
    this.stickyRooms.note(room.nid, { writer: 1, position, untilMs });
    return position;
  }

  async join(room: RoomRecord): Promise<void> {
    this.joinedAt.set(room.nid, await this.step());
  }

  /** One answer; what it gave in the section, and whether there is more. */
  async sync(limit: number, inTimeline: ReadonlySet<number> = new Set(), ignoredUsers = NOBODY) {
    const upTo = this.position;
    const page = await this.due.page({
      rooms: this.rooms
        .filter((room) => this.joinedAt.has(room.nid))
        .map((room) => ({ room, joinedPosition: this.joinedAt.get(room.nid) ?? 0 })),
      writer: 1,
      since: this.since,
      cursor: this.cursor,
      upTo,
      limit,
      nowMs: this.nowMs,
      inTimeline,
      ignoredUsers,
    });
    this.cursor = page.cursor ?? stickyCursorAt(upTo);
    this.since = upTo;
    return { nids: page.events.map((event) => event.eventNid), hasMore: page.cursor !== undefined };
  }
}

describe('pages of due sticky events', () => {
  test('C5: a hundred a page, oldest first, each once, and then no cursor', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    const sent: number[] = [];
    for (let count = 0; count < 250; count += 1) sent.push(await world.send(room));
    const pages = [await world.sync(100), await world.sync(100), await world.sync(100)];
    expect(pages.map((page) => page.nids.length)).toEqual([100, 100, 50]);
    expect(pages.map((page) => page.hasMore)).toEqual([true, true, false]);
    expect(pages.flatMap((page) => page.nids)).toEqual(sent);
    expect((await world.sync(100)).nids).toEqual([]);
  });

  test('C5: an event that expires between two pages is skipped, and no other with it', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    const first = await world.send(room);
    await world.send(room, NOW_MS);
    const last = await world.send(room);
    expect((await world.sync(1)).nids).toEqual([first]);
    expect((await world.sync(1)).nids).toEqual([last]);
  });

  test('C5: one that expired since another client read the same page is skipped, and no other with it', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    await world.send(room, NOW_MS + 1);
    const later = [await world.send(room, NOW_MS + 2), await world.send(room, NOW_MS + 2)];
    await world.sync(2);
    world.cursor = STICKY_START;
    world.nowMs = NOW_MS + 1;
    expect([...(await world.sync(2)).nids, ...(await world.sync(2)).nids]).toEqual(later);
  });

  test('C4: events of ignored users are passed over, and never end a page early', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    for (let count = 0; count < 5; count += 1) await world.send(room);
    const ignored = new Set(['@alice:localhost']);
    expect(await world.sync(2, new Set(), ignored)).toEqual({ nids: [], hasMore: false });
  });

  test('C6: who joins again is given anew what a timeline delivered ahead of its turn', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    const [first, second, third] = [await world.send(room), await world.send(room), await world.send(room)];
    expect((await world.sync(1, new Set([third]))).nids).toEqual([first]);
    await world.join(room);
    const pages = [await world.sync(2), await world.sync(2)];
    expect(pages.map(({ nids }) => nids)).toEqual([[first, second], [third]]);
    expect((await world.sync(2)).nids).toEqual([]);
  });

  test('C4: whoever ignores a sender of thousands passes them over a few pages a request', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    for (let count = 0; count < 45; count += 1) await world.send(room);
    const ignored = new Set(['@alice:localhost']);
    const before = storage.tally.rowsRead;
    expect(await world.sync(2, new Set(), ignored)).toEqual({ nids: [], hasMore: true });
    expect(storage.tally.rowsRead - before).toBe(30);
    expect(await world.sync(2, new Set(), ignored)).toEqual({ nids: [], hasMore: true });
    expect(await world.sync(2, new Set(), ignored)).toEqual({ nids: [], hasMore: false });
  });

  test('the rows read do not depend on how many events there are', async () => {
    const world = new World();
    const room = world.rooms[0] as RoomRecord;
    await world.join(room);
    for (let count = 0; count < 400; count += 1) await world.send(room);
    const before = storage.tally.rowsRead;
    await world.sync(100);
    expect(storage.tally.rowsRead - before).toBe(101);
  });

  test('C1, C2, C3, C5, C6: any history, any paging, any timelines: each event once a join', async () => {
    const room = fc.nat({ max: 2 });
    const action = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), room }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('join' as const), room }) },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constant('sync' as const),
          limit: fc.integer({ min: 1, max: 3 }),
          timeline: fc.nat({ max: 3 }),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 40 }), async (actions) => {
        await checkHistory(actions);
      }),
      { numRuns: 500 },
    );
  });
});

type Action =
  | { do: 'send'; room: number }
  | { do: 'join'; room: number }
  | { do: 'sync'; limit: number; timeline: number };

async function checkHistory(actions: readonly Action[]): Promise<void> {
  const world = new World();
  const sent = new Map<number, number>();
  /** With the join that was in force: who joins again is given everything again. */
  const given: string[] = [];
  const withJoin = (position: number) => `${position} ${world.joinedAt.get(sent.get(position) ?? 0)}`;
  const lastSync = { position: 0 };
  const sync = async (limit: number, timelineLimit: number) => {
    const timeline = timelineOf(world, sent, { after: lastSync.position, limit: timelineLimit });
    const { nids, hasMore } = await world.sync(limit, timeline);
    expect(nids.length).toBeLessThanOrEqual(limit);
    given.push(...[...nids, ...timeline].map(withJoin));
    lastSync.position = world.position;
    return hasMore;
  };
  for (const action of actions) {
    const room = action.do === 'sync' ? undefined : world.rooms[action.room];
    if (action.do === 'sync') await sync(action.limit, action.timeline);
    else if (room !== undefined && action.do === 'send') sent.set(await world.send(room), room.nid);
    else if (room !== undefined) await world.join(room);
  }
  for (let turns = 0; await sync(1, 0); turns += 1) expect(turns).toBeLessThan(100);
  expect(new Set(given).size).toBe(given.length);
  const expected = [...sent]
    .filter(([, roomNid]) => world.joinedAt.has(roomNid))
    .map(([position]) => withJoin(position));
  expect(expected.filter((each) => !given.includes(each))).toEqual([]);
}

/** The newest events of each joined room since the last answer, or since ever for a room that was joined since. */
function timelineOf(
  world: World,
  sent: ReadonlyMap<number, number>,
  { after, limit }: { after: number; limit: number },
): Set<number> {
  const timeline = new Set<number>();
  if (limit === 0) return timeline;
  for (const [roomNid, joined] of world.joinedAt) {
    const from = joined > after ? 0 : after;
    const inRoom = [...sent]
      .filter(([position, nid]) => nid === roomNid && position > from)
      .map(([position]) => position);
    for (const position of inRoom.slice(-limit)) timeline.add(position);
  }
  return timeline;
}
