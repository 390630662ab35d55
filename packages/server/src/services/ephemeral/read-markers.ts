import { asEventId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventStore } from '../rooms/event-store.ts';
import { type JoinedRoomParts, joinedRoom } from '../rooms/joined-rooms.ts';
import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import type { FullyReadMarkers } from './fully-read.ts';
import { isInThread, MAIN_TIMELINE } from './is-in-thread.ts';
import type { Receipts, ReceiptType } from './receipts.ts';

export type MarkerType = ReceiptType | 'm.fully_read';

/** What a client wants to have marked as read, up to and with this event. */
export interface ReadMarker {
  readonly type: MarkerType;
  readonly eventId: string;
  /** As it came; `undefined` for an unthreaded one. */
  readonly threadId: unknown;
}

export interface ReadMarkersParts extends JoinedRoomParts {
  readonly receipts: Receipts;
  readonly fullyRead: FullyReadMarkers;
}

/** Checks what clients say that they have read. Specification: client-server API, "Receipts", "Fully read markers". */
export class ReadMarkers {
  readonly #parts: ReadMarkersParts;

  constructor(parts: ReadMarkersParts) {
    this.#parts = parts;
  }

  /**
   * Sets the markers, none unless all are good; one that stands at its event or after it stays. Throws M_FORBIDDEN
   * unless the user is joined, M_NOT_FOUND for what is no event of the room's timeline, M_INVALID_PARAM for a bad
   * thread.
   */
  async set(userId: string, roomId: string, markers: readonly ReadMarker[]): Promise<void> {
    const room = await joinedRoom(this.#parts, roomId, userId);
    const checked = await Promise.all(markers.map((marker) => this.#check(room, marker)));
    await Promise.all(
      checked.map(({ type, threadId, eventId, roomIndex }) =>
        type === 'm.fully_read'
          ? this.#parts.fullyRead.set({ room, userId, eventId, roomIndex })
          : this.#parts.receipts.set({ room, userId, receiptType: type, threadId, eventId, roomIndex }),
      ),
    );
  }

  async #check(room: RoomRecord, marker: ReadMarker) {
    const threadId = checkThreadId(marker);
    const { event, roomIndex } = await eventOfTimeline(this.#parts.events, room, marker.eventId);
    if (threadId !== undefined && !(await isInThread(this.#parts.events, event, threadId))) {
      throw new MatrixError('M_INVALID_PARAM', 'The event is not in the thread that "thread_id" names.');
    }
    return { ...marker, threadId, roomIndex };
  }
}

function checkThreadId({ type, threadId }: ReadMarker): string | undefined {
  if (threadId === undefined) return undefined;
  if (type === 'm.fully_read') {
    throw new MatrixError('M_INVALID_PARAM', 'm.fully_read is of the whole room and takes no "thread_id".');
  }
  const checked = threadId === MAIN_TIMELINE ? threadId : asEventId(threadId);
  if (checked === undefined) {
    throw new MatrixError('M_INVALID_PARAM', '"thread_id" must be "main" or the event ID of a thread\'s root.');
  }
  return checked;
}

async function eventOfTimeline(
  events: EventStore,
  room: RoomRecord,
  eventId: string,
): Promise<{ event: RoomEvent; roomIndex: number }> {
  const event = (await events.byIds([eventId])).get(eventId);
  if (event?.place === undefined || event.room.nid !== room.nid || event.isRejected) {
    throw new MatrixError('M_NOT_FOUND', 'There is no such event in the timeline of this room.');
  }
  return { event, roomIndex: event.place.roomIndex };
}
