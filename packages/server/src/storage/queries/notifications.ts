import { defineStatement } from '../statement.ts';

/** What users were notified of, from the tables of unread counts: the newest of each room, read or not. */

/** An event notifies by the row for everybody, unless the user has a row of his own, or by that one. */
const NOTIFIES_AS_EVERYBODY = `not exists (select 1 from unread_exceptions x
  where x.room_nid = u.room_nid and x.user_id = :userId and x.room_index = u.room_index)`;

/** `before` of one writer's positions, as an index into the timeline of the room. */
const INDEX_BEFORE = `(select e.room_index from events e where e.room_nid = m.room_nid and e.writer = m.writer
  and e.position < :before order by e.position desc limit 1)`;

type OfUser = { userId: string; before: number; limit: number };

/** A room of the user, with the position of what may have notified him there last, before a position. */
interface NotifyingRoomRow {
  room_nid: number;
  joined_position: number;
  newest: number;
}

function notifyingRooms(condition: string): string {
  return `select room_nid, joined_position, newest from (
     select found.room_nid, found.joined_position,
       (select e.position from events e where e.room_nid = found.room_nid and e.room_index = found.room_index) as newest
     from (
       select bounded.room_nid, bounded.joined_position, (
         select max(room_index) from (
           select max(u.room_index) as room_index from unread_events u
           where u.room_nid = bounded.room_nid and u.room_index <= bounded.last ${condition}
           union all
           select max(u.room_index) from unread_exceptions u
           where u.room_nid = bounded.room_nid and u.user_id = :userId and u.room_index <= bounded.last ${condition}
         ) as both_kinds) as room_index
       from (
         select m.room_nid, m.joined_position, ${INDEX_BEFORE} as last from memberships m
         where m.user_id = :userId and m.membership = 'join') as bounded) as found) as placed
   where newest > joined_position order by newest desc limit :limit`;
}

/** Those with the newest first. */
export const selectNotifyingRooms = defineStatement<OfUser, NotifyingRoomRow>(notifyingRooms(''));

export const selectHighlightingRooms = defineStatement<OfUser, NotifyingRoomRow>(
  notifyingRooms('and u.highlights = 1'),
);

export interface NotificationRow {
  room_nid: number;
  room_index: number;
  event_nid: number;
  position: number;
  thread_id: string;
}

type OfRoom = { userId: string; roomNid: number; after: number; before: number; limit: number };

function notificationsOfRoom(condition: string): string {
  return `select u.room_nid, u.room_index, e.event_nid, e.position, u.thread_id from (
     select u.room_nid, u.room_index, u.thread_id from unread_events u
     where u.room_nid = :roomNid and u.sender <> :userId ${condition} and ${NOTIFIES_AS_EVERYBODY}
     union all
     select u.room_nid, u.room_index, u.thread_id from unread_exceptions u
     where u.room_nid = :roomNid and u.user_id = :userId and u.notifies = 1 ${condition}) as u
   join events e on e.room_nid = u.room_nid and e.room_index = u.room_index
   where e.position > :after and e.position < :before order by u.room_index desc limit :limit`;
}

/** What notified a user in one room, with `after` < position < `before`, the newest first. */
export const selectNotificationsOfRoom = defineStatement<OfRoom, NotificationRow>(notificationsOfRoom(''));

export const selectHighlightsOfRoom = defineStatement<OfRoom, NotificationRow>(
  notificationsOfRoom('and u.highlights = 1'),
);
