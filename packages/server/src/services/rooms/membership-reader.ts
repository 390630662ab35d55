import type { RoomRecord } from './room-event.ts';

export type Membership = 'join' | 'invite' | 'leave' | 'ban' | 'knock';

/** The present membership of one user in one room, with the place in the stream where it became so. */
export interface MembershipRecord {
  readonly roomNid: number;
  readonly userId: string;
  readonly membership: Membership;
  readonly eventNid: number;
  /** Who sent the member event. */
  readonly sender: string;
  readonly isForgotten: boolean;
  /** Where the present unbroken join began (display name changes do not move it); `undefined` unless joined. */
  readonly joinedPosition: number | undefined;
  readonly writer: number;
  readonly position: number;
}

export interface MembershipReader {
  of(room: RoomRecord, userId: string): Promise<MembershipRecord | undefined>;
  /** All rooms a user has to do with, forgotten ones included. Cached while the user is active. */
  ofUser(userId: string): Promise<readonly MembershipRecord[]>;
  ofRoom(room: RoomRecord, membership: Membership): Promise<readonly MembershipRecord[]>;
  counts(room: RoomRecord): Promise<{ joined: number; invited: number }>;
  /** Do these two share a room that both are joined to? */
  shareRoom(userId: string, otherUserId: string): Promise<boolean>;
  /** Everybody who shares a joined room with this user, that user included. */
  usersSharingRooms(userId: string): Promise<ReadonlySet<string>>;
}
