import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Storage } from '../../storage/storage.ts';
import { hasSeen } from '../../storage/stream.ts';
import type { EventStore } from './event-store.ts';
import { placeOf, type RoomEvent } from './room-event.ts';

interface SeenEventParts {
  readonly storage: Storage;
  readonly events: EventStore;
}

/**
 * One event of a room, as far as `shown` lets it pass. Throws M_NOT_FOUND for one that is not there, is not published
 * yet, or may not be seen: nobody shall learn which events there are.
 */
export async function seenEvent(
  { storage, events }: SeenEventParts,
  { roomId, eventId }: { readonly roomId: string; readonly eventId: string },
  shown: (event: RoomEvent) => Promise<readonly RoomEvent[]>,
): Promise<RoomEvent> {
  const event = (await events.byIds([eventId])).get(eventId);
  const [seen] = event?.room.roomId === roomId ? await shown(event) : [];
  if (seen === undefined || !hasSeen(storage.stream.current(), placeOf(seen))) {
    throw new MatrixError('M_NOT_FOUND', 'There is no such event in this room, or you may not see it.');
  }
  return seen;
}
