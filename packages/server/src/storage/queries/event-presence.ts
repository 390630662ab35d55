import { defineStatement } from '../statement.ts';

/** What of an event decides whether others may rest on it. */
export interface EventPresenceRow {
  event_id: string;
  room_nid: number;
  has_state: number;
  is_state_event: number;
  is_rejected: number;
}

/** Those of these events that are here, in any form. */
export const selectEventPresence = defineStatement<{ eventIds: readonly string[] }, EventPresenceRow>(
  `select event_id, room_nid, is_rejected,
     case when state_before is null then 0 else 1 end as has_state,
     case when state_key is null then 0 else 1 end as is_state_event
   from events where event_id in (:...eventIds)`,
);

/** Where the graph of a room ends, by event ID. */
export const selectExtremityIds = defineStatement<{ roomNid: number; limit: number }, { event_id: string }>(
  `select events.event_id from forward_extremities
   join events on events.event_nid = forward_extremities.event_nid
   where forward_extremities.room_nid = :roomNid order by events.event_nid desc limit :limit`,
);

/** A joined user whose ID ends so, if there is one. */
export const selectJoinedUserOfServer = defineStatement<{ roomNid: number; suffix: string }, { user_id: string }>(
  `select user_id from memberships
   where room_nid = :roomNid and membership = 'join'
     and substr(user_id, length(user_id) - length(:suffix) + 1) = :suffix limit 1`,
);
