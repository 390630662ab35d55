import { deleteRedactedStickyEvent, insertStickyEvent } from '../../storage/queries/sticky-events.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { Projection } from '../rooms/projection.ts';
import { isHistory, type RoomEvent } from '../rooms/room-event.ts';
import { stickyEndIn, stickyEndOf } from '../rooms/sticky-end.ts';
import type { StickyRooms } from './sticky-rooms.ts';

/**
 * Keeps the sticky table exact at the commit of each event: a sticky event becomes due at its event's position, and a
 * redaction ends it (A3). One that is kept back is in the table with no position, until it gets its place (E5, E7).
 * Runs whether the feature is on or off, so that turning it on loses nothing (A6).
 */
export function createStickyProjection(rooms: StickyRooms): Projection {
  return {
    project(transaction: WriteTransaction, event: RoomEvent): void {
      const untilMs = stickyEndOf(event);
      if (untilMs !== undefined && untilMs > event.receivedTs && event.place !== undefined) {
        const { writer } = event.place;
        // What was fetched of a room's past is due now, since nobody here has got it (C6).
        const position = isHistory(event.place) ? publishDue(transaction, event) : event.place.position;
        write(transaction, event, { untilMs, writer, position });
        rooms.note(event.room.nid, { writer, position, untilMs });
      }
      if (event.pdu.type === 'm.room.redaction' && event.pdu.redacts !== undefined) {
        transaction.run(deleteRedactedStickyEvent, { redacts: event.pdu.redacts, redactionNid: event.nid });
      }
    },

    keepBack(transaction: WriteTransaction, event: RoomEvent): void {
      const untilMs = stickyEndIn(event.pdu, event.receivedTs);
      if (untilMs === undefined || untilMs <= event.receivedTs) return;
      write(transaction, event, { untilMs, writer: null, position: null });
    },
  };
}

function publishDue(transaction: WriteTransaction, { room, nid }: RoomEvent): number {
  return transaction.publish({ kind: 'sticky-due', roomId: room.roomId, eventNid: nid });
}

function write(
  transaction: WriteTransaction,
  { nid: eventNid, room, pdu }: RoomEvent,
  due: { untilMs: number; writer: number | null; position: number | null },
): void {
  transaction.run(insertStickyEvent, { eventNid, roomNid: room.nid, sender: pdu.sender, ...due });
}
