import type { RoomRecord } from './room-event.ts';

/** What of a room's past is on other servers alone. */
export interface OlderHistory {
  /** Whether something is missing right before the first event that is here after a `room_index`. */
  hasMore(room: RoomRecord, after: number): Promise<boolean>;
  /** Brings some of it here, right before that event. False where nobody gives any just now. */
  bring(room: RoomRecord, after: number): Promise<boolean>;
}
