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

/** Events of a room come in the order of room_index, so the newest is the furthest. */
const MOVES_ON = 'on conflict (room_nid, user_id, thread_id) do update set room_index = excluded.room_index';

export const upsertReadBySending = defineStatement<{
  roomNid: number;
  userId: string;
  threadId: string;
  roomIndex: number;
}>(
  `insert into reads_by_sending (room_nid, user_id, thread_id, room_index)
   values (:roomNid, :userId, :threadId, :roomIndex) ${MOVES_ON}`,
);

/** Like `upsertReadBySending`, with the thread of another event. */
export const upsertRelatedReadBySending = defineStatement<{
  roomNid: number;
  userId: string;
  parentId: string;
  roomIndex: number;
}>(
  `insert into reads_by_sending (room_nid, user_id, thread_id, room_index)
   values (:roomNid, :userId, ${THREAD_OF_PARENT}, :roomIndex) ${MOVES_ON}`,
);

const REDACTED_INDEX = `room_nid = :roomNid and room_index =
  (select room_index from events where event_id = :redacts and room_nid = :roomNid and redacted_by = :redactionNid)`;

/** A redacted event counts no more. Both run after the redaction has marked the row of the event. */
export const deleteRedactedUnreadEvent = defineStatement<{ roomNid: number; redacts: string; redactionNid: number }>(
  `delete from unread_events where ${REDACTED_INDEX}`,
);

/** Their keys come from an index first, as SQLite would go through all rows of the room. */
export const deleteRedactedUnreadExceptions = defineStatement<{
  roomNid: number;
  redacts: string;
  redactionNid: number;
}>(
  `delete from unread_exceptions where (room_nid, user_id, room_index) in
     (select room_nid, user_id, room_index from unread_exceptions where ${REDACTED_INDEX})`,
);

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
 * How far the user has read, by thread: '' is the unthreaded receipt, `main` the main timeline. Whichever of the public
 * receipt, the private one and his own last event is ahead.
 */
export const selectReadIndexes = defineStatement<
  { roomNid: number; userId: string },
  { thread_id: string; room_index: number }
>(
  `select thread_id, max(room_index) as room_index from (
     select thread_id, room_index from receipts
     where room_nid = :roomNid and user_id = :userId and receipt_type in ('m.read', 'm.read.private')
     union all
     select case thread_id when '' then 'main' else thread_id end, room_index from reads_by_sending
     where room_nid = :roomNid and user_id = :userId) as marks
   group by thread_id`,
);

const READ_UP_TO = `coalesce(
  (select max(room_index) from receipts where receipts.room_nid = memberships.room_nid and receipts.user_id = :userId
    and receipts.thread_id = '' and receipts.receipt_type in ('m.read', 'm.read.private')), 0)`;

/** The user's rooms with something that no unthreaded receipt of his has passed: others have nothing unread. */
export const selectRoomsPerhapsUnread = defineStatement<{ userId: string }, { room_nid: number }>(
  `select room_nid from memberships where user_id = :userId and membership = 'join' and (
     exists (select 1 from unread_events u
       where u.room_nid = memberships.room_nid and u.room_index > ${READ_UP_TO} and u.sender <> :userId)
     or exists (select 1 from unread_exceptions x where x.room_nid = memberships.room_nid and x.user_id = :userId
       and x.room_index > ${READ_UP_TO} and x.notifies = 1))`,
);

const OLDEST_KEPT = `(select room_index from unread_events where room_nid = :roomNid
  order by room_index desc limit 1 offset :kept)`;

/** Exceptions below what is kept: silent ones have nothing left to silence, the others go once they are read. */
export const pruneUnreadExceptions = defineStatement<{ roomNid: number; kept: number }>(
  `delete from unread_exceptions where room_nid = :roomNid and room_index <= ${OLDEST_KEPT}
   and (notifies = 0 or exists (
     select 1 from receipts r where r.room_nid = unread_exceptions.room_nid and r.user_id = unread_exceptions.user_id
     and r.receipt_type in ('m.read', 'm.read.private')
     and r.thread_id in ('', case unread_exceptions.thread_id when '' then 'main' else unread_exceptions.thread_id end)
     and r.room_index >= unread_exceptions.room_index) or exists (
     select 1 from reads_by_sending s where s.room_nid = unread_exceptions.room_nid
     and s.user_id = unread_exceptions.user_id and s.thread_id = unread_exceptions.thread_id
     and s.room_index >= unread_exceptions.room_index))`,
);

/**
 * Those that have nothing left to mark: they end below what is kept, or nothing of their thread is there. Runs after
 * `pruneUnreadExceptions`, which removes what they have marked, and before `pruneUnreadEvents`.
 */
export const pruneReadsBySending = defineStatement<{ roomNid: number; kept: number }>(
  `delete from reads_by_sending where room_nid = :roomNid and (room_index <= ${OLDEST_KEPT} or (
     thread_id not in (select thread_id from unread_events where room_nid = :roomNid) and not exists (
       select 1 from unread_exceptions x where x.room_nid = reads_by_sending.room_nid
       and x.user_id = reads_by_sending.user_id and x.thread_id = reads_by_sending.thread_id and x.notifies = 1)))`,
);

/** Keeps the newest rows of a room. Runs after `pruneUnreadExceptions` and `pruneReadsBySending`. */
export const pruneUnreadEvents = defineStatement<{ roomNid: number; kept: number }>(
  `delete from unread_events where room_nid = :roomNid and room_index <= ${OLDEST_KEPT}`,
);
