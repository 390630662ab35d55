import { defineStatement } from '../statement.ts';

/** What one event means to everybody whose push rules are the default ones and who is not named in it. */
export interface UnreadEventRow {
  room_index: number;
  sender: string;
  /** '' for the main timeline. */
  thread_id: string;
  highlights: number;
}

/** The row of a user to whom an event means something else. */
export interface UnreadExceptionRow {
  room_index: number;
  thread_id: string;
  highlights: number;
}

/**
 * A relation that is no thread belongs where its parent does. What has no row of its own (it was read by everybody long
 * ago, or notified nobody) counts to the main timeline.
 */
const THREAD_OF_PARENT = `coalesce(
  (select u.thread_id from events e join unread_events u on u.room_nid = e.room_nid and u.room_index = e.room_index
   where e.event_id = :parentId and e.room_nid = :roomNid), '')`;

export const insertUnreadEvent = defineStatement<{
  roomNid: number;
  roomIndex: number;
  eventNid: number;
  sender: string;
  threadId: string;
  highlights: number;
}>(
  `insert into unread_events (room_nid, room_index, event_nid, sender, thread_id, notifies, highlights)
   values (:roomNid, :roomIndex, :eventNid, :sender, :threadId, 1, :highlights)`,
);

/** Like `insertUnreadEvent`, with the thread of another event. */
export const insertRelatedUnreadEvent = defineStatement<{
  roomNid: number;
  roomIndex: number;
  eventNid: number;
  sender: string;
  parentId: string;
  highlights: number;
}>(
  `insert into unread_events (room_nid, room_index, event_nid, sender, thread_id, notifies, highlights)
   values (:roomNid, :roomIndex, :eventNid, :sender, ${THREAD_OF_PARENT}, 1, :highlights)`,
);

export const insertUnreadException = defineStatement<{
  roomNid: number;
  userId: string;
  roomIndex: number;
  threadId: string;
  notifies: number;
  highlights: number;
}>(
  `insert into unread_exceptions (room_nid, user_id, room_index, thread_id, notifies, highlights)
   values (:roomNid, :userId, :roomIndex, :threadId, :notifies, :highlights)`,
);

/** Like `insertUnreadException`, with the thread of another event. */
export const insertRelatedUnreadException = defineStatement<{
  roomNid: number;
  userId: string;
  roomIndex: number;
  parentId: string;
  notifies: number;
  highlights: number;
}>(
  `insert into unread_exceptions (room_nid, user_id, room_index, thread_id, notifies, highlights)
   values (:roomNid, :userId, :roomIndex, ${THREAD_OF_PARENT}, :notifies, :highlights)`,
);

const REDACTED_INDEX = `room_nid = :roomNid and room_index in
  (select room_index from events where event_id = :redacts and room_nid = :roomNid and redacted_by = :redactionNid)`;

/** A redacted event counts no more. Both run after the redaction has marked the row of the event. */
export const deleteRedactedUnreadEvent = defineStatement<{ roomNid: number; redacts: string; redactionNid: number }>(
  `delete from unread_events where ${REDACTED_INDEX}`,
);

export const deleteRedactedUnreadExceptions = defineStatement<{
  roomNid: number;
  redacts: string;
  redactionNid: number;
}>(`delete from unread_exceptions where ${REDACTED_INDEX}`);

/** The newest of a room, newest first. */
export const selectUnreadEvents = defineStatement<{ roomNid: number; limit: number }, UnreadEventRow>(
  `select room_index, sender, thread_id, highlights from unread_events
   where room_nid = :roomNid order by room_index desc limit :limit`,
);

/** The newest of one user that notify (or do not), newest first. */
export const selectUnreadExceptions = defineStatement<
  { roomNid: number; userId: string; after: number; notifies: number; limit: number },
  UnreadExceptionRow
>(
  `select room_index, thread_id, highlights from unread_exceptions
   where room_nid = :roomNid and user_id = :userId and room_index > :after and notifies = :notifies
   order by room_index desc limit :limit`,
);

/**
 * How far the user has read, by thread: '' is the unthreaded receipt, whichever of the public and the private is ahead.
 */
export const selectReadIndexes = defineStatement<
  { roomNid: number; userId: string },
  { thread_id: string; room_index: number }
>(
  `select thread_id, max(room_index) as room_index from receipts
   where room_nid = :roomNid and user_id = :userId and receipt_type in ('m.read', 'm.read.private')
   group by thread_id`,
);

const OLDEST_KEPT = `(select room_index from unread_events where room_nid = :roomNid
  order by room_index desc limit 1 offset :kept)`;

/** Exceptions below what is kept: silent ones have nothing left to silence, the others go once they are read. */
export const pruneUnreadExceptions = defineStatement<{ roomNid: number; kept: number }>(
  `delete from unread_exceptions where room_nid = :roomNid and room_index <= ${OLDEST_KEPT}
   and (notifies = 0 or exists (
     select 1 from receipts r where r.room_nid = unread_exceptions.room_nid and r.user_id = unread_exceptions.user_id
     and r.receipt_type in ('m.read', 'm.read.private') and r.thread_id = ''
     and r.room_index >= unread_exceptions.room_index))`,
);

/** Keeps the newest rows of a room. Runs after `pruneUnreadExceptions`. */
export const pruneUnreadEvents = defineStatement<{ roomNid: number; kept: number }>(
  `delete from unread_events where room_nid = :roomNid and room_index <= ${OLDEST_KEPT}`,
);
