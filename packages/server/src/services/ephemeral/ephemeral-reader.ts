import type { JsonObject } from '@limpet/protocol/json';
import type { StreamRange } from '../../storage/stream.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';

/** What sync reads of receipts and typing. */
export interface EphemeralReader {
  /**
   * Content of an `m.receipt` event: the receipts of the room that changed in these ranges (`undefined`: all of them),
   * private ones of `userId` alone; `undefined` when there are none.
   */
  receipts(
    room: RoomRecord,
    userId: string,
    ranges: readonly StreamRange[] | undefined,
  ): Promise<JsonObject | undefined>;
  /** The same for the receipts that stand at one of these events, and all of the user's own. */
  receiptsAt(room: RoomRecord, userId: string, events: readonly RoomEvent[]): Promise<JsonObject | undefined>;
  /** Who is typing in the room now. */
  typing(roomId: string): readonly string[];
  /** Did the typing users of this room change after these positions? For rooms that nobody typed in lately: no. */
  typingChangedIn(roomId: string, ranges: readonly StreamRange[]): boolean;
}
