import { defineStatement } from '../statement.ts';

/** A row of `events`. */
export interface EventRow {
  event_nid: number;
  event_id: string;
  room_nid: number;
  room_index: number | null;
  writer: number | null;
  position: number | null;
  type: string;
  state_key: string | null;
  sender: string;
  depth: number;
  origin_server_ts: number;
  received_ts: number;
  state_before: number | null;
  room_state_before: number | null;
  room_state_after: number | null;
  is_rejected: number;
  is_soft_failed: number;
  has_url: number;
  redacted_by: number | null;
  json: string;
}

export const EVENT_COLUMNS =
  'event_nid, event_id, room_nid, room_index, writer, position, type, state_key, sender, depth, origin_server_ts, ' +
  'received_ts, state_before, room_state_before, room_state_after, is_rejected, is_soft_failed, has_url, ' +
  'redacted_by, json';

export const selectEventsByNid = defineStatement<{ eventNids: readonly number[] }, EventRow>(
  `select ${EVENT_COLUMNS} from events where event_nid in (:...eventNids)`,
);

export const selectEventsById = defineStatement<{ eventIds: readonly string[] }, EventRow>(
  `select ${EVENT_COLUMNS} from events where event_id in (:...eventIds)`,
);

/** Newest first: the events of a room with `after` < room_index < `before`. */
export const selectTimelineBackwards = defineStatement<
  { roomNid: number; after: number; before: number; limit: number },
  EventRow
>(
  `select ${EVENT_COLUMNS} from events
   where room_nid = :roomNid and room_index > :after and room_index < :before
   order by room_index desc limit :limit`,
);

/** Oldest first: the events of a room with `after` < room_index < `before`. */
export const selectTimelineForwards = defineStatement<
  { roomNid: number; after: number; before: number; limit: number },
  EventRow
>(
  `select ${EVENT_COLUMNS} from events
   where room_nid = :roomNid and room_index > :after and room_index < :before
   order by room_index limit :limit`,
);

/** The highest room_index of a room up to a position of one writer. */
export const selectRoomIndexAt = defineStatement<
  { roomNid: number; writer: number; upTo: number },
  { room_index: number }
>(
  `select room_index from events where room_nid = :roomNid and writer = :writer and position <= :upTo
   order by position desc limit 1`,
);

/** What says by what an event is authorized. */
export interface AuthorizationRow {
  event_nid: number;
  event_id: string;
  json: string;
}

export const selectAuthorizationByNid = defineStatement<{ eventNids: readonly number[] }, AuthorizationRow>(
  'select event_nid, event_id, json from events where event_nid in (:...eventNids)',
);

export const selectAuthorizationById = defineStatement<{ eventIds: readonly string[] }, AuthorizationRow>(
  'select event_nid, event_id, json from events where event_id in (:...eventIds)',
);
