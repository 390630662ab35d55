import { deleteRedactedStickyEvent, insertStickyEvent } from '../../storage/queries/sticky-events.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { Projection } from '../rooms/projection.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import { stickyEndOf } from '../rooms/sticky-end.ts';
import type { StickyRooms } from './sticky-rooms.ts';

/**
 * Keeps the sticky table exact at the commit of each event: a sticky event becomes due at its event's position, and a
 * redaction ends it (A3). Runs whether the feature is on or off, so that turning it on loses nothing (A6).
 */
export function createStickyProjection(rooms: StickyRooms): Projection {
  return {
    project(transaction: WriteTransaction, event: RoomEvent): void {
      const untilMs = stickyEndOf(event);
      if (untilMs !== undefined && untilMs > event.receivedTs && event.place !== undefined) {
        const { writer, position } = event.place;
        const roomNid = event.room.nid;
        transaction.run(insertStickyEvent, {
          eventNid: event.nid,
          roomNid,
          sender: event.pdu.sender,
          untilMs,
          writer,
          position,
        });
        rooms.note(roomNid, { writer, position, untilMs });
      }
      if (event.pdu.type === 'm.room.redaction' && event.pdu.redacts !== undefined) {
        transaction.run(deleteRedactedStickyEvent, { redacts: event.pdu.redacts, redactionNid: event.nid });
      }
    },
  };
}
