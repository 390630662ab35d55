import { findRoomVersion } from '@limpet/protocol/room-version';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { openPostgresStorage } from '../../storage/postgres/open-postgres-storage.ts';
import { insertEvent } from '../../storage/queries/event-graph.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventFilter } from './event-filter.ts';
import { eventFilterMatches } from './event-filter-matches.ts';
import { EventStore } from './event-store.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { TimelineQuery } from './timeline.ts';
import { MAX_EVENTS_LOOKED_THROUGH, TimelinePages } from './timeline-pages.ts';

const TYPES = [
  'a',
  'ab',
  'aXb',
  'ab.',
  'A',
  'a%b',
  'a_b',
  'a*b',
  'b.a',
  'é',
  '😀b',
  '\u0001a',
  'a\u0000b',
  'aab',
  'abab',
];
const SENDERS = ['@a:test', '@b:test', '@A:test'];
const OPEN: EventFilter = {
  types: undefined,
  notTypes: [],
  senders: undefined,
  notSenders: [],
  containsUrl: undefined,
};

let storage: Storage;
let events: EventStore;
let timeline: TimelinePages;

/** Both databases have to give the same pages. */
describe.each([
  ['SQLite', () => openTestStorage()],
  ['PostgreSQL', openPostgres],
])('%s', (_name, open) => {
  beforeAll(async () => {
    storage = await open();
    events = new EventStore(storage);
    timeline = new TimelinePages(storage, events);
  });

  afterAll(() => storage.close());

  describe('pages of a small room with everything in it', describeSmallRoom);
  describe('a long room', describeLongRoom);
});

function describeSmallRoom(): void {
  let room: RoomRecord;
  /** Oldest first. */
  let all: RoomEvent[];

  beforeAll(async () => {
    const rows = TYPES.flatMap((type) => SENDERS.map((sender) => ({ type, sender })));
    room = await fill(1, rows, -20);
    all = await events.forwards(whole({ room, limit: 1_000 }));
    expect(all).toHaveLength(rows.length);
  });

  test('a filter gives what eventFilterMatches lets through: any filter, any limit, both directions', async () => {
    const pattern = fc.oneof(
      fc.constantFrom(
        ...TYPES,
        '*',
        '**',
        'a*',
        '*b',
        'a*b',
        '*a*',
        'a**b',
        'a*b*b',
        '😀*',
        '\ud83d*',
        'a\u0000*',
        '\ud83d',
      ),
      fc.stringMatching(/^[ab.*]{0,5}$/),
    );
    const sender = fc.constantFrom(...SENDERS, '@none:test', '\ud83d');
    const filters: fc.Arbitrary<EventFilter> = fc.record({
      types: fc.option(fc.array(pattern, { maxLength: 3 }), { nil: undefined }),
      notTypes: fc.array(pattern, { maxLength: 2 }),
      senders: fc.option(fc.array(sender, { maxLength: 2 }), { nil: undefined }),
      notSenders: fc.array(sender, { maxLength: 2 }),
      containsUrl: fc.option(fc.boolean(), { nil: undefined }),
    });
    const limits = fc.integer({ min: 1, max: 50 });
    const directions = fc.constantFrom('backwards' as const, 'forwards' as const);
    await fc.assert(
      fc.asyncProperty(filters, limits, directions, async (filter, limit, direction) => {
        const found = await walk({ ...whole({ room, limit }), direction, filter });
        const expected = all.filter((event) => isTaken(event) && eventFilterMatches(filter, event.pdu));
        expect(found.map(nidOf)).toEqual((direction === 'backwards' ? expected.toReversed() : expected).map(nidOf));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  test('a page without a filter leaves out what was refused, and says where the next one starts', async () => {
    const accepted = all.filter(isTaken).map(nidOf);
    for (const limit of [1, 2, 7, 44, 45, 46]) {
      expect((await walk({ ...whole({ room, limit }), direction: 'forwards', filter: undefined })).map(nidOf)).toEqual(
        accepted,
      );
    }
    expect(accepted.length).toBeLessThan(all.length);
    const exact = await timeline.page({ ...whole({ room, limit: 45 }), direction: 'backwards', filter: OPEN });
    expect(exact.next).toBeUndefined();
    const short = await timeline.page({ ...whole({ room, limit: 44 }), direction: 'backwards', filter: undefined });
    expect(short.next).toBe(all[1]?.place?.roomIndex);
  });

  test('a filter of the greatest size is no failure', async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => `t${index}`);
    const stars = many.map((type) => `${type}*`);
    const filter = { ...OPEN, types: [...many, ...stars, 'ab'], notTypes: [...many, ...stars], notSenders: many };
    const page = await timeline.page({ ...whole({ room, limit: 9 }), direction: 'backwards', filter });
    expect(page.events.map((event) => event.pdu.type)).toEqual(
      all.filter((event) => isTaken(event) && event.pdu.type === 'ab').map(() => 'ab'),
    );
  });
}

function describeLongRoom(): void {
  const LENGTH = MAX_EVENTS_LOOKED_THROUGH + 500;
  let room: RoomRecord;

  beforeAll(async () => {
    const rows = Array.from({ length: LENGTH }, (_, index) => ({
      type: index === 3 ? 'rare' : 'usual',
      sender: '@c:test',
    }));
    room = await fill(2, rows, 1);
  });

  test('H3: a filter that nothing passes looks through a part of it, and the next page goes on there', async () => {
    for (const types of [['rare'], ['*ar*']]) {
      const query = { ...whole({ room, limit: 10 }), direction: 'backwards' as const, filter: { ...OPEN, types } };
      const before = storage.tally.rowsRead;
      const first = await timeline.page(query);
      if (types[0] === 'rare') expect(storage.tally.rowsRead - before).toBeLessThanOrEqual(2);
      expect(first).toEqual({ events: [], next: 501 });
      const second = await timeline.page({ ...query, before: first.next ?? 0 });
      expect(second.events.map((event) => event.place?.roomIndex)).toEqual([4]);
      expect(second.next).toBeUndefined();
    }
  });

  test('forwards, too', async () => {
    const filter = { ...OPEN, notTypes: ['usual'] };
    const first = await timeline.page({ ...whole({ room, limit: 10 }), direction: 'forwards', filter });
    expect(first.events).toHaveLength(1);
    expect(first.next).toBe(MAX_EVENTS_LOOKED_THROUGH);
    const second = await timeline.page({
      ...whole({ room, limit: 10 }),
      after: first.next ?? 0,
      direction: 'forwards',
      filter,
    });
    expect(second).toEqual({ events: [], next: undefined });
  });
}

async function openPostgres(): Promise<Storage> {
  const url = await createPostgresDatabase();
  return openPostgresStorage({ url, synchronous: 'off', random: seededRandom(1), log: silentLog });
}

/**
 * Puts events into a room, from this `room_index` on; every third has a URL. In room 1 every 11th is rejected and every
 * 13th soft-failed.
 */
async function fill(
  roomNid: number,
  rows: readonly { type: string; sender: string }[],
  firstIndex: number,
): Promise<RoomRecord> {
  const version = findRoomVersion('11');
  if (version === undefined) throw new Error('There is no room version 11');
  const room = { nid: roomNid, roomId: `!${roomNid}:test`, version, createdTs: 1 };
  events.rememberRoom(room);
  await storage.write((transaction) => {
    for (const [index, { type, sender }] of rows.entries()) {
      const isOdd = roomNid === 1;
      const content = index % 3 === 0 ? { url: 'mxc://test/a' } : index % 3 === 1 ? { url: 5 } : {};
      const eventNid = transaction.allocate();
      transaction.run(insertEvent, {
        ...{ eventNid, eventId: `$${eventNid}`, roomNid, roomIndex: firstIndex + index, writer: 1, position: eventNid },
        ...{ type, stateKey: null, sender, depth: 1, originServerTs: 1, receivedTs: 1, stateBefore: null },
        ...{ roomStateBefore: null, roomStateAfter: null, redactedBy: null },
        isRejected: isOdd && index % 11 === 10 ? 1 : 0,
        isSoftFailed: isOdd && index % 13 === 12 ? 1 : 0,
        hasUrl: index % 3 === 0 ? 1 : 0,
        json: JSON.stringify({ content, prev_events: [], auth_events: [] }),
      });
    }
  });
  return room;
}

function whole({ room, limit }: { room: RoomRecord; limit: number }) {
  return { room, limit, after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER };
}

/** All pages, one after the other. */
async function walk(query: TimelineQuery): Promise<RoomEvent[]> {
  const found: RoomEvent[] = [];
  let rest = query;
  for (;;) {
    const page = await timeline.page(rest);
    expect(page.events.length).toBeLessThanOrEqual(query.limit);
    found.push(...page.events);
    if (page.next === undefined) return found;
    rest = query.direction === 'backwards' ? { ...rest, before: page.next } : { ...rest, after: page.next };
  }
}

function isTaken({ isRejected, isSoftFailed }: RoomEvent): boolean {
  return !isRejected && !isSoftFailed;
}

function nidOf({ nid }: RoomEvent): number {
  return nid;
}
