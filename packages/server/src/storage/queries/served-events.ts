import { defineStatement } from '../statement.ts';

/** What other servers are told of events: texts as they are kept, and the graph, without making values of them. */

/** The canonical JSON of events. */
export const selectEventTexts = defineStatement<{ eventNids: readonly number[] }, { event_nid: number; json: string }>(
  'select event_nid, json from events where event_nid in (:...eventNids)',
);

export const selectIdsOfEvents = defineStatement<
  { eventNids: readonly number[] },
  { event_nid: number; event_id: string }
>('select event_nid, event_id from events where event_nid in (:...eventNids)');

export const selectNidsOfEvents = defineStatement<
  { eventIds: readonly string[] },
  { event_nid: number; event_id: string }
>("select event_nid, event_id from events where event_id in (:...'eventIds)");

export interface EventTimeRow {
  event_id: string;
  room_index: number;
  origin_server_ts: number;
}

/** Events of a timeline from one place on, with the times that their servers gave them. Oldest first. */
export const selectEventTimes = defineStatement<{ roomNid: number; from: number; limit: number }, EventTimeRow>(
  `select event_id, room_index, origin_server_ts from events
   where room_nid = :roomNid and room_index >= :from order by room_index limit :limit`,
);

/** The same before one place. Newest first. */
export const selectEventTimesBefore = defineStatement<{ roomNid: number; before: number; limit: number }, EventTimeRow>(
  `select event_id, room_index, origin_server_ts from events
   where room_nid = :roomNid and room_index < :before order by room_index desc limit :limit`,
);

/** The ends of a timeline; null where it has none. */
export const selectTimelineBounds = defineStatement<
  { roomNid: number },
  { first_index: number | null; last_index: number | null }
>(
  `select (select min(room_index) from events where room_nid = :roomNid) as first_index,
     (select max(room_index) from events where room_nid = :roomNid) as last_index`,
);
