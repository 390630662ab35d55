/**
 * How far a client has come with the sticky events of the rooms of its user (C10).
 *
 * Each request names the rooms that it covers anew, by lists, filters and subscriptions, and what it does not name must
 * not be passed over. So progress is of rooms: all that became due in a room up to its mark was given out. Rooms stand
 * at a common mark, except those that are named beside it. A room that a request does not cover stays where it is, and
 * is named as soon as it has anything sticky beyond its mark; a room where nothing is sticky needs no naming. Who joins
 * a room begins there anew (C6), and so does a room that a connection shows for the first time.
 *
 * Unlike the cursor of `/sync` this is no rank: what a room comes to owe late, since it was not covered before, has its
 * turn by its age like anything else.
 */
export interface StickyProgress {
  readonly writer: number;
  /** Where the answer ended that this is of: what the user joined later begins anew. */
  readonly seenUpTo: number;
  readonly mark: number;
  /** By room nid: rooms that stand elsewhere. */
  readonly rooms: ReadonlyMap<number, RoomProgress>;
}

export interface RoomProgress {
  readonly mark: number;
  /** Positions above the mark, ascending, of events that went out with a timeline before their turn came (C3). */
  readonly delivered: readonly number[];
}

/** Most rooms that are named beside the common mark: each has an unexpired sticky event that is still owed. */
export const MAX_NAMED_ROOMS = 20_000;
/** Most events of one room that are remembered as delivered before their turn; one more is given twice. */
export const MAX_DELIVERED_IN_ROOM = 1_000;
/** The same for all rooms together: what a token that is taken back has room for. */
const MAX_DELIVERED = 20_000;

const NOTHING_GIVEN: RoomProgress = { mark: 0, delivered: [] };

/** What is known of a user's room when a request comes. */
export interface StickyRoom {
  readonly nid: number;
  readonly joinedPosition: number;
  /** Whether this request asks for its sticky events. */
  readonly isCovered: boolean;
  /** Whether the connection shows it for the first time: clients drop what they got of a room they did not know. */
  readonly isInitial: boolean;
}

/** Where a room stands before the answer is made. */
export function progressIn(progress: StickyProgress, room: StickyRoom): RoomProgress {
  if (room.joinedPosition > progress.seenUpTo || (room.isCovered && room.isInitial)) return NOTHING_GIVEN;
  return progress.rooms.get(room.nid) ?? { mark: progress.mark, delivered: [] };
}

export interface GivenSticky {
  /** All rooms that the user is joined to. */
  readonly rooms: readonly StickyRoom[];
  /** Up to here everything due in the covered rooms has been given out, or passed over for good. */
  readonly reached: number;
  /** Where the answer ends. */
  readonly seenUpTo: number;
  /** By room nid: positions of sticky events in this answer's timelines. */
  readonly inTimelines: ReadonlyMap<number, readonly number[]>;
  /** Whether a room may have anything that became due after a position. */
  readonly hasDueAfter: (roomNid: number, position: number) => boolean;
}

/** Where all rooms stand once the answer was taken. */
export function progressAfter(progress: StickyProgress, given: GivenSticky): StickyProgress {
  const { reached, seenUpTo } = given;
  const mark = Math.max(progress.mark, reached);
  const rooms = new Map<number, RoomProgress>();
  let most = MAX_DELIVERED;
  for (const room of given.rooms) {
    const known = progressIn(progress, room);
    const inTimeline = given.inTimelines.get(room.nid) ?? [];
    const moved = room.isCovered ? advance(known, reached, inTimeline) : known;
    const next = { ...moved, delivered: moved.delivered.slice(0, most) };
    most -= next.delivered.length;
    if (next.mark === mark && next.delivered.length === 0) continue;
    if (!given.hasDueAfter(room.nid, next.mark)) continue;
    rooms.set(room.nid, next);
    if (rooms.size === MAX_NAMED_ROOMS) break;
  }
  return { writer: progress.writer, seenUpTo, mark, rooms };
}

function advance(known: RoomProgress, reached: number, inTimeline: readonly number[]): RoomProgress {
  const mark = Math.max(known.mark, reached);
  const ahead = new Set([...known.delivered, ...inTimeline].filter((position) => position > mark));
  return { mark, delivered: [...ahead].sort((left, right) => left - right).slice(0, MAX_DELIVERED_IN_ROOM) };
}
