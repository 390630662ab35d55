import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';

export interface JoinedRoomParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
}

/** The room, which the user must be joined to. Throws M_FORBIDDEN, the same for a room that is not known here. */
export async function joinedRoom(parts: JoinedRoomParts, roomId: string, userId: string): Promise<RoomRecord> {
  const room = await parts.events.room(roomId);
  const record = room === undefined ? undefined : await parts.memberships.of(room, userId);
  if (room === undefined || record?.membership !== 'join') {
    throw new MatrixError('M_FORBIDDEN', 'You are not joined to this room.');
  }
  return room;
}
