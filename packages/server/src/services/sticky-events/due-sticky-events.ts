import { MomentaryReads } from '../../storage/momentary-reads.ts';
import {
  type DueStickyRow,
  selectDueStickyEvents,
  selectStickyPositions,
} from '../../storage/queries/sticky-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ErasedUsers } from '../rooms/erased-users.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { compareRanks, dueAfter, rankFor, type StickyCursor, type StickyRank } from './sticky-cursor.ts';
import type { StickyRooms } from './sticky-rooms.ts';

/**
 * Stretches read for one page where all they hold was delivered otherwise, or is of ignored users; then it is empty.
 */
const MAX_STRETCHES = 10;

export interface StickyRoomOfUser {
  readonly room: RoomRecord;
  /** Where the user's present join began: all that became due before ranks there (`sticky-cursor.ts`). */
  readonly joinedPosition: number;
  /** Nothing that became due up to here is wanted, whatever the cursor says. */
  readonly dueAfter?: number;
}

export interface StickyQuery {
  /** The joined rooms whose sticky events are wanted. */
  readonly rooms: readonly StickyRoomOfUser[];
  readonly writer: number;
  /** The position of the token that the client came with; 0 when it has none. */
  readonly since: number;
  /** What the chain of tokens has delivered. */
  readonly cursor: StickyCursor;
  /** The position of the token that the answer will carry: nothing above it is given. */
  readonly upTo: number;
  /** Most events to give, at least 1. */
  readonly limit: number;
  readonly nowMs: number;
  /** Positions of events that this very answer delivers in a timeline (C3). */
  readonly inTimeline: ReadonlySet<number>;
  /** Users whose events are never given (C4). */
  readonly ignoredUsers: ReadonlySet<string>;
}

export interface StickyPage {
  /** Oldest first, by rank. May be empty while there is more. */
  readonly events: readonly { readonly eventNid: number; readonly room: RoomRecord }[];
  /**
   * Where the next answer goes on; `undefined` when everything due was delivered, so that the token needs no cursor.
   */
  readonly cursor: StickyCursor | undefined;
}

interface Ranked {
  readonly eventNid: number;
  readonly sender: string;
  readonly untilMs: number;
  readonly room: RoomRecord;
  readonly rank: StickyRank;
}

/** Reads pages of the sticky events that one user has still to get: at most `limit` + 1 rows of each room with news. */
export class DueStickyEvents {
  readonly #storage: Storage;
  readonly #rooms: StickyRooms;
  readonly #erased: ErasedUsers | undefined;
  readonly #reads: MomentaryReads<DueStickyRow[]>;

  /** D5: of `erased` users nothing is given. */
  constructor(storage: Storage, rooms: StickyRooms, erased?: ErasedUsers) {
    this.#storage = storage;
    this.#rooms = rooms;
    this.#erased = erased;
    this.#reads = new MomentaryReads(storage.stream);
  }

  /** Whether this room may have anything that became due after this position; told from memory. */
  hasDueAfter(roomNid: number, writer: number, position: number): boolean {
    return this.#rooms.hasDueAfter(roomNid, writer, position);
  }

  async page(query: StickyQuery): Promise<StickyPage> {
    const delivered = await this.#deliveredAhead(query);
    let passed = query.cursor.passed;
    for (let stretch = 1; ; stretch += 1) {
      const due = await this.#read(query, passed);
      const taken = due.slice(0, query.limit);
      const wanted = taken.filter(
        ({ rank, sender, untilMs }) =>
          // What was read a moment ago may have expired since; it counts as passed all the same.
          untilMs > query.nowMs &&
          !delivered.has(rank.due) &&
          !query.inTimeline.has(rank.due) &&
          !query.ignoredUsers.has(sender) &&
          this.#erased?.erasedAt(sender) === undefined,
      );
      const last = taken.at(-1);
      if (due.length <= query.limit || last === undefined) return { events: wanted, cursor: undefined };
      passed = last.rank;
      // A stretch that held only what was delivered otherwise is no answer: go on.
      if (wanted.length > 0 || stretch === MAX_STRETCHES)
        return { events: wanted, cursor: cursorAt(query, passed, delivered) };
    }
  }

  /** What the cursor lists; not what is of a room joined again since, where everything is due anew (C6). */
  async #deliveredAhead({ rooms, writer, since, cursor }: StickyQuery): Promise<ReadonlySet<number>> {
    const delivered = new Set(cursor.delivered);
    for (const { room, joinedPosition } of rooms) {
      if (joinedPosition <= since || delivered.size === 0) continue;
      const among = { roomNid: room.nid, writer, positions: [...delivered] };
      for (const { position } of await this.#storage.read(selectStickyPositions, among)) delivered.delete(position);
    }
    return delivered;
  }

  /** The first `limit` + 1 due events above the rank, over all rooms. */
  async #read(query: StickyQuery, passed: StickyRank): Promise<Ranked[]> {
    const found: Ranked[] = [];
    for (const { room, joinedPosition, dueAfter: bound = 0 } of query.rooms) {
      const after = Math.max(bound, dueAfter(passed, joinedPosition));
      if (!this.#rooms.hasDueAfter(room.nid, query.writer, after)) continue;
      for (const row of await this.#readRoom(room, after, query)) {
        const rank = rankFor(row.position, joinedPosition);
        found.push({ eventNid: row.event_nid, sender: row.sender, untilMs: row.until_ms, room, rank });
      }
    }
    return found.sort((left, right) => compareRanks(left.rank, right.rank)).slice(0, query.limit + 1);
  }

  #readRoom(room: RoomRecord, after: number, query: StickyQuery): Promise<DueStickyRow[]> {
    const { writer, upTo, nowMs } = query;
    const limit = query.limit + 1;
    const stretch = { roomNid: room.nid, writer, after, upTo, nowMs, limit };
    const key = `${room.nid} ${writer} ${after} ${upTo} ${limit}`;
    return this.#reads.once(key, () => this.#storage.read(selectDueStickyEvents, stretch));
  }
}

/** The next cursor remembers what went out with a timeline and has its turn in the section still to come. */
function cursorAt(query: StickyQuery, passed: StickyRank, delivered: ReadonlySet<number>): StickyCursor {
  const ahead = [...new Set([...delivered, ...query.inTimeline])].sort((left, right) => left - right);
  // Only a room joined after the cursor's rank can bring an older event later.
  const latestJoin = query.rooms.reduce((latest, { joinedPosition }) => Math.max(latest, joinedPosition), 0);
  return { passed, delivered: ahead.filter((due) => due > passed.due || latestJoin > passed.effective) };
}
