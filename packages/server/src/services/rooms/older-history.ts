import type { RoomRecord } from './room-event.ts';

/** What of a room's past is on other servers alone. */
export interface OlderHistory {
  /** Whether the room has a past before the first event that is here. */
  hasMore(room: RoomRecord): Promise<boolean>;
  /** Brings some of it here, next to what is here. False where nobody gives any just now. */
  bring(room: RoomRecord): Promise<boolean>;
}
