import type { MembershipRecord } from '../rooms/membership-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';

/** A room that a user has to do with, and how. */
export interface UserRoom {
  readonly room: RoomRecord;
  readonly membership: MembershipRecord;
}
