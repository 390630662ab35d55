import { isJsonObject } from '@limpet/protocol/json';
import { contentOf, type Pdu } from '@limpet/protocol/pdu';
import type { RoomEventFilter } from '../accounts/filter.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { Membership, MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomStateReader } from '../rooms/room-state.ts';

/** Most rooms of one search; of who is in more, the ones with the latest changes of membership. */
const MAX_ROOMS = 5_000;
/** How many upgrades are followed back from a room. */
const MAX_PREDECESSORS = 10;

/** Where something may be seen, `EventSight` says what. Who forgot a room has no part in it. */
const SEARCHED_MEMBERSHIPS: ReadonlySet<Membership> = new Set(['join', 'leave', 'ban']);

export interface SearchedRoomsParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly state: RoomStateReader;
}

/**
 * The numbers of the rooms in which a user may find something: those he is or was in, and of these the ones that the
 * filter names, with those that they replaced. Specification: client-server API, "Server Side Search".
 */
export async function searchedRooms(
  userId: string,
  filter: RoomEventFilter,
  parts: SearchedRoomsParts,
): Promise<number[]> {
  const records = await parts.memberships.ofUser(userId);
  const own = records.filter((record) => !record.isForgotten && SEARCHED_MEMBERSHIPS.has(record.membership));
  const ordered = own.toSorted((left, right) => right.position - left.position);
  const there = new Set(ordered.slice(0, MAX_ROOMS).map((record) => record.roomNid));
  const excluded = new Set<number>();
  for (const roomId of filter.notRooms) excluded.add((await parts.events.room(roomId))?.nid ?? 0);
  if (filter.rooms === undefined) return [...there.difference(excluded)];
  const named = new Set<number>();
  for (const roomId of filter.rooms) await addWithPredecessors(named, roomId, parts);
  return [...named.intersection(there).difference(excluded)];
}

async function addWithPredecessors(named: Set<number>, roomId: string, parts: SearchedRoomsParts): Promise<void> {
  let next: string | undefined = roomId;
  for (let steps = 0; steps <= MAX_PREDECESSORS && next !== undefined; steps++) {
    const room = await parts.events.room(next);
    if (room === undefined || named.has(room.nid)) return;
    named.add(room.nid);
    next = predecessorOf((await parts.state.current(room, 'm.room.create', ''))?.pdu);
  }
}

/** Specification: client-server API, "Room Upgrades". */
function predecessorOf(create: Pdu | undefined): string | undefined {
  const predecessor = create === undefined ? undefined : contentOf(create, 'predecessor');
  const roomId = isJsonObject(predecessor) ? predecessor.room_id : undefined;
  return typeof roomId === 'string' ? roomId : undefined;
}
