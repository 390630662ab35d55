import type { RoomRecord } from '../rooms/room-event.ts';

/** What sync reads of unread counts. */
export interface UnreadReader {
  /** Since the user's last receipt or own message (of the main timeline, or of each thread), up to now. */
  counts(room: RoomRecord, userId: string): Promise<UnreadCounts>;
  /** Whether the user has read this event of the room. Who is not joined has read everything. */
  isRead(room: RoomRecord, userId: string, event: EventInThread): Promise<boolean>;
}

export interface EventInThread {
  readonly roomIndex: number;
  /** '' for the main timeline. */
  readonly threadId: string;
}

export interface UnreadCounts {
  /** Everything, threads included: for clients that know no threads. */
  readonly all: UnreadCount;
  /** The main timeline alone. */
  readonly main: UnreadCount;
  /** By thread root, those with something unread. */
  readonly threads: Readonly<Record<string, UnreadCount>>;
}

export interface UnreadCount {
  readonly notifications: number;
  readonly highlights: number;
}
