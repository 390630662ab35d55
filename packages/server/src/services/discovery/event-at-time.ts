import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Storage } from '../../storage/storage.ts';
import { eventsByTime, type TimedEvent } from '../rooms/events-by-time.ts';
import type { OlderHistory } from '../rooms/older-history.ts';
import type { RoomDoor } from '../rooms/room-access.ts';
import { placeOf } from '../rooms/room-event.ts';
import type { RoomHistory } from '../rooms/room-history.ts';

/** Pages of older history that are fetched of other servers, where the time may lie there. */
const MAX_OLDER_PAGES = 5;

interface EventAtTimeParts {
  readonly storage: Storage;
  readonly door: RoomDoor;
  readonly history: RoomHistory;
  readonly older: OlderHistory;
}

export interface EventAtTimeQuery {
  readonly roomId: string;
  readonly userId: string;
  readonly ts: number;
  readonly direction: 'f' | 'b';
}

/**
 * The event of a room closest to a time, of those that the user may see. Where the time may lie before what is here,
 * older history is fetched first, a few pages at most. Throws M_FORBIDDEN for a room that the user may not look into,
 * M_NOT_FOUND where there is no such event, or the user may see none.
 * Specification: client-server API, `GET /rooms/{roomId}/timestamp_to_event`.
 */
export async function eventAtTime(
  { storage, door, history, older }: EventAtTimeParts,
  { roomId, userId, ts, direction }: EventAtTimeQuery,
): Promise<TimedEvent> {
  const { room, joined } = await door.enter(roomId, userId);
  for (let pages = 0; ; pages++) {
    const times = await eventsByTime(storage, room, { ts, direction });
    const seen = await history.firstSeen(
      room,
      times.map(({ eventId }) => eventId),
      userId,
    );
    const found = times.find(({ eventId }) => eventId === seen?.pdu.eventId);
    const after = seen === undefined ? Number.MIN_SAFE_INTEGER : placeOf(seen).roomIndex - 1;
    // Something closer may be missing right before what was found; backwards that is further off, unless nothing was.
    const mayBeOlder = direction === 'f' || found === undefined;
    const isOpen = joined !== undefined && mayBeOlder && pages < MAX_OLDER_PAGES && (await older.hasMore(room, after));
    if (isOpen && (await older.bring(room, after))) continue;
    if (found === undefined) throw new MatrixError('M_NOT_FOUND', 'There is no event on that side of this time.');
    return found;
  }
}
