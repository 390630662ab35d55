import { findRoomVersion } from '@limpet/protocol/room-version';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTestStorage } from '../../../../../tests/support/test-storage.ts';
import { insertStickyEvent } from '../../../../storage/queries/sticky-events.ts';
import type { Storage } from '../../../../storage/storage.ts';
import type { RoomEvent, RoomRecord } from '../../../rooms/room-event.ts';
import { DueStickyEvents } from '../../../sticky-events/due-sticky-events.ts';
import { StickyRooms } from '../../../sticky-events/sticky-rooms.ts';
import { syncRange } from '../../sync-range.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { UserRoom } from '../../user-room.ts';
import type { ExtensionsInput } from './extensions-input.ts';
import { readStickyExtension } from './sticky-extension.ts';

const version = findRoomVersion('12');
if (version === undefined) throw new Error('There is no room version 12');
const ROOM_VERSION = version;
const ROOMS = 4;
const NAME = 'org.matrix.msc4354.sticky_events';
const HOUR_MS = 3_600_000;
const SHORT_MS = 1_000;

let storage: Storage;
let nextRoom = 1;

beforeAll(async () => {
  storage = await openTestStorage();
});
afterAll(() => storage.close());

type Action =
  | { readonly do: 'send'; readonly room: number; readonly isShort: boolean }
  | { readonly do: 'join' | 'leave'; readonly room: number }
  | { readonly do: 'reset' }
  | { readonly do: 'wait' }
  | {
      readonly do: 'request';
      /** Rooms by number, as bits. */
      readonly windows: number;
      readonly matching: number;
      readonly subscriptions: number;
      readonly limit: number;
      readonly timeline: number;
      readonly isLost: boolean;
    };

/** A user in some rooms, and his client, which drops what it gets for a room that it was not shown yet. */
class World {
  readonly #stickyRooms = new StickyRooms();
  readonly #sticky = new DueStickyEvents(storage, this.#stickyRooms);
  readonly #rooms: RoomRecord[];
  readonly #events = new Map<number, RoomEvent>();
  readonly #joinedAt = new Map<number, number>();
  #position = 0;
  #nowMs = 1_000_000;
  /** What the client keeps: its token, and what it has been shown of rooms on this connection. */
  #since: string | undefined;
  #told = new Map<number, number>();
  readonly #shown = new Set<number>();
  /** Positions that the client has of each room since it joined. */
  readonly #has = new Map<number, Set<number>>();
  /** What was given since the join, or since the room was first shown on a connection. */
  readonly #given = new Map<number, Set<number>>();

  constructor() {
    this.#rooms = Array.from({ length: ROOMS }, () => {
      nextRoom += 1;
      return { nid: nextRoom, roomId: `!${nextRoom}`, version: ROOM_VERSION, createdTs: 0 };
    });
  }

  async do(action: Action): Promise<void> {
    switch (action.do) {
      case 'request':
        await this.request(action);
        return;
      case 'reset':
        return this.#told.clear();
      case 'wait':
        this.#nowMs += SHORT_MS;
        return;
      case 'send':
        return this.#send(this.#roomAt(action.room), action.isShort ? SHORT_MS : HOUR_MS);
      case 'join':
      case 'leave':
        return this.#move(this.#roomAt(action.room), action.do === 'join');
    }
  }

  /** Asks, checks the answer, and takes it unless it is lost. Whether there was anything in it. */
  async request(request: Extract<Action, { do: 'request' }>): Promise<boolean> {
    const input = this.#input(request);
    const part = await readStickyExtension(input, this.#sources());
    const answer = part === undefined ? { rooms: {} } : JSON.parse(part.text);
    const section = Object.entries(answer.rooms as Record<string, { events: { position: number }[] }>).map(
      ([roomId, { events }]) => [this.#nidOf(roomId), events.map(({ position }) => position)] as const,
    );
    this.#check(input, section, Math.max(request.limit, 1));
    if (request.isLost) return part !== undefined;
    this.#since = answer.next_batch ?? this.#since;
    for (const nid of this.#told.keys()) if (!this.#joinedAt.has(nid)) this.#told.delete(nid);
    for (const [nid, { isInitial, timeline }] of input.answered) {
      this.#shown.add(nid);
      if (isInitial) this.#given.get(nid)?.clear();
      this.#take(nid, timeline.map(placeOf));
    }
    for (const { room } of [...(input.lists.get('all')?.window ?? []), ...input.subscriptions]) {
      if (this.#joinedAt.has(room.nid)) this.#told.set(room.nid, this.#position);
    }
    for (const [nid, positions] of section) this.#take(nid, positions);
    return part !== undefined;
  }

  /** Unexpired sticky events of joined rooms that the client has not got. */
  missing(): number[] {
    return [...this.#events.values()]
      .filter(({ room }) => this.#joinedAt.has(room.nid))
      .filter((event) => this.#endOf(event) > this.#nowMs)
      .map(placeOf)
      .filter((position) => ![...this.#has.values()].some((has) => has.has(position)));
  }

  #check(input: ExtensionsInput, section: readonly (readonly [number, readonly number[]])[], limit: number): void {
    const covered = new Set(
      [...(input.lists.get('all')?.matching ?? []), ...input.subscriptions].map((one) => one.room.nid),
    );
    expect(section.flatMap(([, positions]) => positions).length).toBeLessThanOrEqual(limit);
    for (const [nid, positions] of section) {
      expect(this.#joinedAt.has(nid) && covered.has(nid)).toBe(true);
      const answered = input.answered.get(nid);
      const given = answered?.isInitial ? new Set() : (this.#given.get(nid) ?? new Set());
      const timeline = (answered?.timeline ?? []).map(placeOf);
      expect(positions).toEqual([...new Set(positions)].sort((left, right) => left - right));
      expect(positions.filter((position) => given.has(position) || timeline.includes(position))).toEqual([]);
      expect(positions.filter((position) => this.#endOf(this.#eventAt(position)) <= this.#nowMs)).toEqual([]);
    }
  }

  #take(nid: number, positions: readonly number[]): void {
    for (const position of positions) {
      this.#given.get(nid)?.add(position);
      if (this.#shown.has(nid)) this.#has.get(nid)?.add(position);
    }
  }

  #input({ windows, matching, subscriptions, limit, timeline }: Extract<Action, { do: 'request' }>): ExtensionsInput {
    const rooms = this.#rooms.flatMap((room): UserRoom[] => {
      const joinedPosition = this.#joinedAt.get(room.nid);
      const membership = joinedPosition === undefined ? 'invite' : 'join';
      return [{ room, membership: { membership, joinedPosition, writer: 1 } as UserRoom['membership'] }];
    });
    const among = (bits: number) => rooms.filter((_room, index) => (bits & (1 << index)) !== 0);
    const window = among(windows);
    const answered = new Map<number, { isInitial: boolean; timeline: RoomEvent[] }>();
    for (const { room, membership } of [...window, ...among(subscriptions)]) {
      if (membership.membership !== 'join') continue;
      const told = this.#told.get(room.nid);
      const events = [...this.#events.values()].filter((event) => event.room.nid === room.nid);
      const fresh = events.filter((event) => placeOf(event) > (told ?? 0));
      const newest = timeline === 0 ? [] : fresh.slice(-timeline);
      if (told === undefined || newest.length > 0) {
        answered.set(room.nid, { isInitial: told === undefined, timeline: newest });
      }
    }
    const ofSticky = { enabled: true, limit, ...(this.#since === undefined ? {} : { since: this.#since }) };
    return {
      ...{ userId: '@alice:test', deviceId: 'DEVICE', news: undefined, rooms, answered, toldUpTo: new Map() },
      ...{ extensions: { [NAME]: ofSticky }, newlyEnabled: new Set(), subscriptions: among(subscriptions) },
      range: syncRange(undefined, new Map([[1, this.#position]])),
      lists: new Map([['all', { window, matching: among(matching | windows) }]]),
    };
  }

  #sources(): SyncSources {
    const current = new Map([[1, this.#position]]);
    const sources: Record<string, unknown> = {
      storage: { databaseTag: 'tag', stream: { current: () => current } },
      platform: { clock: { nowMs: () => this.#nowMs } },
      settings: { stickyEnabled: true, stickyEventsPerSync: 100 },
      sticky: this.#sticky,
      accountData: { ignoredUsers: async () => new Set() },
      events: { byNids: async (nids: number[]) => new Map(nids.map((nid) => [nid, this.#eventAt(nid)])) },
      rooms: { present: async (events: RoomEvent[]) => events.map((event) => `{"position":${placeOf(event)}}`) },
    };
    return sources as unknown as SyncSources;
  }

  async #move({ nid }: RoomRecord, isJoin: boolean): Promise<void> {
    this.#has.set(nid, new Set());
    this.#given.set(nid, new Set());
    const position = await this.#step();
    if (isJoin) this.#joinedAt.set(nid, position);
    else this.#joinedAt.delete(nid);
  }

  async #step(): Promise<number> {
    this.#position = (await storage.write((transaction) => transaction.allocate())).value;
    return this.#position;
  }

  /** A sticky event; its position doubles as its nid. */
  async #send(room: RoomRecord, durationMs: number): Promise<void> {
    const position = await this.#step();
    const untilMs = this.#nowMs + durationMs;
    const row = { eventNid: position, roomNid: room.nid, sender: '@bob:test', untilMs, writer: 1, position };
    await storage.write((transaction) => transaction.run(insertStickyEvent, row));
    this.#stickyRooms.note(room.nid, { writer: 1, position, untilMs });
    const pdu = { json: { msc4354_sticky: { duration_ms: durationMs } }, originServerTs: this.#nowMs };
    const place = { writer: 1, position, roomIndex: position };
    const event = { nid: position, room, pdu, receivedTs: this.#nowMs, place, isRejected: false, isSoftFailed: false };
    this.#events.set(position, event as unknown as RoomEvent);
  }

  #endOf({ receivedTs, pdu }: RoomEvent): number {
    return receivedTs + (pdu.json as { msc4354_sticky: { duration_ms: number } }).msc4354_sticky.duration_ms;
  }

  #eventAt(position: number): RoomEvent {
    const event = this.#events.get(position);
    if (event === undefined) throw new Error(`There is no event at ${position}`);
    return event;
  }

  #roomAt(index: number): RoomRecord {
    const room = this.#rooms[index];
    if (room === undefined) throw new Error(`There is no room ${index}`);
    return room;
  }

  #nidOf(roomId: string): number {
    return Number(roomId.slice(1));
  }
}

function placeOf({ place }: RoomEvent): number {
  return place?.position ?? 0;
}

const room = fc.nat({ max: ROOMS - 1 });
const rooms = fc.nat({ max: 2 ** ROOMS - 1 });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('send' as const), room, isShort: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('join' as const), room }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('leave' as const), room }) },
  { weight: 1, arbitrary: fc.constantFrom<Action[]>({ do: 'reset' }, { do: 'wait' }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      ...{ windows: rooms, matching: rooms, subscriptions: fc.oneof(fc.constant(0), rooms) },
      limit: fc.nat({ max: 4 }),
      timeline: fc.nat({ max: 3 }),
      isLost: fc.boolean(),
    }),
  },
);

test('C1 to C6, C10: whatever rooms are covered, each event comes, and again only with its room', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 50 }), async (actions) => {
      const world = new World();
      for (const each of actions) await world.do(each);
      const everything = { windows: 2 ** ROOMS - 1, matching: 0, subscriptions: 0, timeline: 0, isLost: false };
      const request = { do: 'request' as const, ...everything, limit: 1 };
      for (let turns = 0; await world.request(request); turns += 1) expect(turns).toBeLessThan(100);
      expect(world.missing()).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
