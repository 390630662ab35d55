import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Timers } from '../../platform/timers.ts';
import { selectListedRooms } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import { inTurns } from './breathe.ts';
import type { EventStore } from './event-store.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { RoomRecord } from './room-event.ts';
import { presentSummary, type RoomSummaries, type RoomSummary } from './room-summaries.ts';

/** Rooms of the directory that are looked at; what is listed beyond them is not found. */
const MAX_LISTED_ROOMS = 10_000;
/** Rooms on one page, also where no limit is asked for. */
const MAX_ROOMS_PER_PAGE = 500;

export interface PublicRoomsQuery {
  /** 0 or `undefined`: as many as a page may hold. */
  readonly limit: number | undefined;
  readonly since: string | undefined;
  readonly searchTerm: string | undefined;
  /** Types of rooms to be found, `null` for those without one; `undefined` for all. */
  readonly roomTypes: readonly (string | null)[] | undefined;
}

interface PublicRoomsParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly summaries: RoomSummaries;
}

/** A room with its place: those with most members come first, among equals the older one. */
interface Listed {
  readonly room: RoomRecord;
  readonly joined: number;
}

/**
 * Pages of the directory. A token names the place of a room, and so holds while rooms come and go.
 * Specification: client-server API, "Published room directory"; server-server API, "Public Room Directory".
 */
export class PublicRooms {
  readonly #parts: PublicRoomsParts;

  constructor(parts: PublicRoomsParts) {
    this.#parts = parts;
  }

  /**
   * A `PublicRoomsResponse`. Other servers are not told of rooms that their users cannot take part in. Throws
   * M_INVALID_PARAM for a token that is none.
   */
  async page(query: PublicRoomsQuery, readers: 'servers' | 'users'): Promise<JsonObject> {
    const edge = query.since === undefined ? undefined : parseEdge(query.since);
    const found = await this.#find(query, readers);
    const limit = Math.min(query.limit || MAX_ROOMS_PER_PAGE, MAX_ROOMS_PER_PAGE);
    const start = startOf(found, edge, limit);
    const rooms = found.slice(
      start,
      edge?.isBefore === true ? Math.min(start + limit, placeIn(found, edge)) : start + limit,
    );
    const chunk: JsonObject[] = [];
    for (const { room, joined } of rooms) {
      chunk.push(presentSummary(await this.#parts.summaries.of(room), joined));
    }
    const answer: JsonObject = { chunk, total_room_count_estimate: found.length };
    const [first, last] = [rooms[0], rooms.at(-1)];
    if (last !== undefined && start + rooms.length < found.length) answer.next_batch = formatEdge(last, 'n');
    if (first !== undefined && start > 0) answer.prev_batch = formatEdge(first, 'p');
    return answer;
  }

  async #find({ searchTerm, roomTypes }: PublicRoomsQuery, readers: 'servers' | 'users'): Promise<readonly Listed[]> {
    const { storage, timers, events, memberships, summaries } = this.#parts;
    const rows = await storage.read(selectListedRooms, { limit: MAX_LISTED_ROOMS });
    const rooms = [...(await events.rooms(rows.map((row) => row.room_nid))).values()];
    const matches = matcherOf(searchTerm, roomTypes);
    const listed = await inTurns(timers, rooms, async (part) => {
      const found: Listed[] = [];
      for (const room of part) {
        const summary = await summaries.of(room);
        if (readers === 'servers' && !summary.isFederated) continue;
        if (!matches(summary)) continue;
        found.push({ room, joined: (await memberships.counts(room)).joined });
      }
      return found;
    });
    return [...listed].sort(comparePlaces);
  }
}

function matcherOf(searchTerm: string | undefined, roomTypes: PublicRoomsQuery['roomTypes']) {
  const term = searchTerm?.toLowerCase() ?? '';
  return ({ isResident, name, topic, canonicalAlias, roomType }: RoomSummary): boolean => {
    // Nobody gets in by way of a server that is not in the room.
    if (!isResident) return false;
    if (roomTypes !== undefined && !roomTypes.includes(roomType ?? null)) return false;
    return term === '' || [name, topic, canonicalAlias].some((text) => text?.toLowerCase().includes(term));
  };
}

/** The place of one room, and whether what comes before it is wanted, or what comes behind it. */
interface Edge {
  readonly joined: number;
  readonly nid: number;
  readonly isBefore: boolean;
}

function parseEdge(token: string): Edge {
  const match = /^([np])_([0-9]{1,15})_([0-9]{1,15})$/.exec(token);
  if (match === null) throw new MatrixError('M_INVALID_PARAM', 'since must be a token of an earlier page.');
  return { isBefore: match[1] === 'p', joined: Number(match[2]), nid: Number(match[3]) };
}

function formatEdge({ room, joined }: Listed, direction: 'n' | 'p'): string {
  return `${direction}_${joined}_${room.nid}`;
}

function startOf(found: readonly Listed[], edge: Edge | undefined, limit: number): number {
  if (edge === undefined) return 0;
  const place = placeIn(found, edge);
  return edge.isBefore ? Math.max(0, place - limit) : place;
}

/** How many rooms stand before the page behind this edge, or before the edge itself. */
function placeIn(found: readonly Listed[], { joined, nid, isBefore }: Edge): number {
  const edge = { joined, room: { nid } };
  return found.filter((one) => comparePlaces(one, edge) < (isBefore ? 0 : 1)).length;
}

type Place = { readonly joined: number; readonly room: Pick<RoomRecord, 'nid'> };

function comparePlaces(left: Place, right: Place): number {
  return right.joined - left.joined || left.room.nid - right.room.nid;
}
