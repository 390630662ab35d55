import { defineStatement } from '../statement.ts';

/** Notifications that pushers have to send. */

/** For those of the users who have a pusher. */
export const insertIntoPushQueue = defineStatement<{
  userIds: readonly string[];
  writer: number;
  position: number;
  roomNid: number;
  roomIndex: number;
  eventNid: number;
  queuedTs: number;
}>(
  `insert into push_queue (user_id, writer, position, room_nid, room_index, event_nid, queued_ts)
   select distinct user_id, cast(:writer as bigint), cast(:position as bigint), cast(:roomNid as bigint),
     cast(:roomIndex as bigint), cast(:eventNid as bigint), cast(:queuedTs as bigint)
   from pushers where user_id in (:...'userIds)`,
);

export interface QueuedPushRow {
  position: number;
  room_nid: number;
  room_index: number;
  event_nid: number;
  queued_ts: number;
  /** Null where the event notifies the user no more: it was redacted, or left behind by many others. */
  thread_id: string | null;
}

/** What waits for a user, with `after` < position <= `upTo` of one writer, oldest first. */
export const selectQueuedPushes = defineStatement<
  { userId: string; writer: number; after: number; upTo: number; limit: number },
  QueuedPushRow
>(
  `select q.position, q.room_nid, q.room_index, q.event_nid, q.queued_ts,
     case when x.notifies = 0 then null else coalesce(x.thread_id, u.thread_id) end as thread_id
   from push_queue q
     left join unread_events u on u.room_nid = q.room_nid and u.room_index = q.room_index
     left join unread_exceptions x
       on x.room_nid = q.room_nid and x.user_id = q.user_id and x.room_index = q.room_index
   where q.user_id = :userId and q.writer = :writer and q.position > :after and q.position <= :upTo
   order by q.position limit :limit`,
);

export interface PendingInviteRow {
  room_nid: number;
  event_nid: number;
  sender: string;
  position: number;
}

/** Invites that a user did not answer, with `after` < position <= `upTo`, oldest first. */
export const selectPendingInvites = defineStatement<
  { userId: string; writer: number; after: number; upTo: number; limit: number },
  PendingInviteRow
>(
  `select room_nid, event_nid, sender, position from memberships
   where user_id = :userId and writer = :writer and position > :after and position <= :upTo and membership = 'invite'
   order by position limit :limit`,
);

/** What all pushers of the user are done with. */
export const deleteDonePushes = defineStatement<{ userId: string }>(
  `delete from push_queue where user_id = :userId
   and position <= (select min(done_position) from pushers where user_id = :userId)`,
);

/** A page of the users with pushers for whom something waits. */
export const selectUsersToPush = defineStatement<{ after: string; limit: number }, { user_id: string }>(
  `select distinct p.user_id from pushers p where p.user_id > :after and (
     exists (select 1 from push_queue q where q.user_id = p.user_id and q.position > p.done_position)
     or exists (select 1 from memberships m
       where m.user_id = p.user_id and m.position > p.done_position and m.membership = 'invite'))
   order by p.user_id limit :limit`,
);

export const deleteOldPushes = defineStatement<{ queuedBefore: number; limit: number }, { position: number }>(
  `delete from push_queue where (user_id, writer, position) in
     (select user_id, writer, position from push_queue where queued_ts < :queuedBefore order by queued_ts limit :limit)
   returning position`,
);
