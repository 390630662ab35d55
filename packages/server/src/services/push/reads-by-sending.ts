import { upsertReadBySending, upsertRelatedReadBySending } from '../../storage/queries/unread.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { RoomView } from '../rooms/projection.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import { stickyEndOf } from '../rooms/sticky-end.ts';

/** Users and threads of a room that are remembered to have nothing unread. Who is forgotten is written once more. */
const MAX_UP_TO_DATE = 64;

export interface SentEvent {
  readonly event: RoomEvent;
  readonly roomIndex: number;
  /** '' for the main timeline; `undefined`: the thread of the parent. */
  readonly threadId: string | undefined;
  readonly parentId: string;
  /** Whether it notifies anybody. */
  readonly isUnread: boolean;
}

/**
 * Who sends an event has read what was there before it, in its thread or in the main timeline, as if he had set a
 * threaded receipt there; nobody is told. Specification: "Marking notifications as read".
 *
 * Two kinds of events mark nothing as read, against the letter of that section: sticky events and state events.
 * Programs send those for a user without his doing anything, the membership of a call every few minutes; they would
 * wipe counts that he never saw.
 *
 * One row for each user and thread says how far. It is written when something may have come since it was written last,
 * so who talks alone writes it once.
 */
export class ReadsBySending {
  /** By user and thread: whose row was written after the last event of others. Ends with the loaded room. */
  readonly #upToDate = new WeakMap<RoomView, Set<string>>();

  /** Whether something was marked as read that may have been unread. */
  project(transaction: WriteTransaction, sent: SentEvent, room: RoomView): boolean {
    const { event, roomIndex, threadId, parentId, isUnread } = sent;
    const { sender } = event.pdu;
    const upToDate = this.#upToDateIn(room);
    if (isUnread) forgetOthers(upToDate, sender);
    if (!marksAsRead(event, room)) return false;
    const row = { roomNid: room.roomNid, userId: sender, roomIndex };
    if (threadId === undefined) {
      transaction.run(upsertRelatedReadBySending, { ...row, parentId });
      return true;
    }
    const key = keyOf(sender, threadId);
    if (upToDate.has(key)) return false;
    if (upToDate.size >= MAX_UP_TO_DATE) upToDate.clear();
    upToDate.add(key);
    transaction.run(upsertReadBySending, { ...row, threadId });
    return true;
  }

  #upToDateIn(room: RoomView): Set<string> {
    let upToDate = this.#upToDate.get(room);
    if (upToDate === undefined) {
      upToDate = new Set();
      this.#upToDate.set(room, upToDate);
    }
    return upToDate;
  }
}

function marksAsRead(event: RoomEvent, room: RoomView): boolean {
  const { sender, stateKey } = event.pdu;
  return stateKey === undefined && room.localJoined.has(sender) && stickyEndOf(event) === undefined;
}

/** An event is nothing to read for its sender, but for all others. */
function forgetOthers(upToDate: Set<string>, sender: string): void {
  const own = keyOf(sender, '');
  for (const key of upToDate) if (!key.startsWith(own)) upToDate.delete(key);
}

function keyOf(userId: string, threadId: string): string {
  return `${userId}\0${threadId}`;
}
