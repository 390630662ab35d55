import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from './event-store.ts';
import type { MembershipReader } from './membership-reader.ts';
import type { RoomRecord } from './room-event.ts';

export interface JoinedRoomParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
}

/** The rooms that the user is joined to. */
export async function joinedRooms({ events, memberships }: JoinedRoomParts, userId: string): Promise<RoomRecord[]> {
  const records = (await memberships.ofUser(userId)).filter(({ membership }) => membership === 'join');
  const rooms = await events.rooms(records.map(({ roomNid }) => roomNid));
  return records.flatMap(({ roomNid }) => rooms.get(roomNid) ?? []);
}

/**
 * The room, for what only its members may do. Throws M_FORBIDDEN, the same for a room that is not known here: nobody
 * shall learn which rooms there are.
 */
export async function joinedRoom(parts: JoinedRoomParts, roomId: string, userId: string): Promise<RoomRecord> {
  const room = await findJoinedRoom(parts, roomId, userId);
  if (room === undefined) throw new MatrixError('M_FORBIDDEN', 'You are not joined to this room.');
  return room;
}

/** The room, if it is known here and the user is joined to it. */
export async function findJoinedRoom(
  { events, memberships }: JoinedRoomParts,
  roomId: string,
  userId: string,
): Promise<RoomRecord | undefined> {
  const room = await events.room(roomId);
  const record = room === undefined ? undefined : await memberships.of(room, userId);
  return record?.membership === 'join' ? room : undefined;
}
