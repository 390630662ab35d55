import { defineStatement, type TextToCome } from '../statement.ts';

/**
 * What the writer of events reads and writes of the event graph. Rows of `events` themselves are read by `events.ts`.
 */

export const insertRoom = defineStatement<{
  roomNid: number;
  roomId: string;
  version: string;
  isListed: number;
  createdTs: number;
}>(
  `insert into rooms (room_nid, room_id, version, is_listed, created_ts)
   values (:roomNid, :roomId, :version, :isListed, :createdTs)`,
);

export const updateRoomVersion = defineStatement<{ roomNid: number; version: string }>(
  'update rooms set version = :version where room_nid = :roomNid',
);

export const updateRoomListing = defineStatement<{ roomNid: number; isListed: number }>(
  'update rooms set is_listed = :isListed where room_nid = :roomNid',
);

export const insertEvent = defineStatement<{
  eventNid: number;
  eventId: string;
  roomNid: number;
  roomIndex: number | null;
  writer: number | null;
  position: number | null;
  type: string;
  stateKey: string | null;
  sender: string;
  depth: number;
  originServerTs: number;
  receivedTs: number;
  stateBefore: number | null;
  roomStateBefore: number | null;
  roomStateAfter: number | null;
  isRejected: number;
  isSoftFailed: number;
  hasUrl: number;
  redactedBy: number | null;
  json: string | TextToCome;
}>(
  `insert into events (event_nid, event_id, room_nid, room_index, writer, position, type, state_key, sender, depth,
     origin_server_ts, received_ts, state_before, room_state_before, room_state_after, is_rejected, is_soft_failed,
     has_url, redacted_by, json)
   values (:eventNid, :eventId, :roomNid, :roomIndex, :writer, :position, :type, :stateKey, :sender, :depth,
     :originServerTs, :receivedTs, :stateBefore, :roomStateBefore, :roomStateAfter, :isRejected, :isSoftFailed,
     :hasUrl, :redactedBy, :json)`,
);

export const insertEventEdge = defineStatement<{ eventNid: number; prevEventId: string }>(
  'insert into event_edges (event_nid, prev_event_id) values (:eventNid, :prevEventId)',
);

export const selectForwardExtremities = defineStatement<{ roomNid: number }, { event_nid: number }>(
  'select event_nid from forward_extremities where room_nid = :roomNid order by event_nid',
);

export const insertForwardExtremity = defineStatement<{ roomNid: number; eventNid: number }>(
  'insert into forward_extremities (room_nid, event_nid) values (:roomNid, :eventNid)',
);

/** Changes a row only where the graph still ends as the writer believed: to be run with `expect`. */
export const moveForwardExtremity = defineStatement<{ roomNid: number; from: number; to: number }>(
  'update forward_extremities set event_nid = :to where room_nid = :roomNid and event_nid = :from',
);

export const deleteForwardExtremities = defineStatement<{ roomNid: number; eventNids: readonly number[] }>(
  'delete from forward_extremities where room_nid = :roomNid and event_nid in (:...eventNids)',
);

export const insertRedaction = defineStatement<{ redactsEventId: string; redactionNid: number }>(
  'insert into redactions (redacts_event_id, redaction_nid) values (:redactsEventId, :redactionNid)',
);

/** Puts what redaction leaves in the place of the event. The first redaction that takes effect stays the one named. */
export const redactEventRow = defineStatement<{ eventNid: number; redactedBy: number; json: string }>(
  `update events set json = :json, redacted_by = :redactedBy, has_url = 0
   where event_nid = :eventNid and redacted_by is null`,
);

/** The redactions that name these events, whether or not they take effect. */
export const selectRedactionsOf = defineStatement<
  { eventIds: readonly string[] },
  { redacts_event_id: string; redaction_nid: number }
>("select redacts_event_id, redaction_nid from redactions where redacts_event_id in (:...'eventIds)");

/** Which of these events are named as previous by one that was accepted. */
export const selectAcceptedChildren = defineStatement<{ eventIds: readonly string[] }, { prev_event_id: string }>(
  `select distinct edge.prev_event_id from event_edges edge join events on events.event_nid = edge.event_nid
   where edge.prev_event_id in (:...'eventIds) and events.is_rejected = 0 and events.is_soft_failed = 0
     and events.state_before is not null`,
);

/** An outlier gets its place in the graph; it may have one in the timeline too. */
export const placeOutlier = defineStatement<{
  eventNid: number;
  roomIndex: number | null;
  writer: number | null;
  position: number | null;
  stateBefore: number;
  roomStateBefore: number | null;
  roomStateAfter: number | null;
  isRejected: number;
  isSoftFailed: number;
  redactedBy: number | null;
  json: string;
}>(
  `update events set room_index = :roomIndex, writer = :writer, position = :position, state_before = :stateBefore,
     room_state_before = :roomStateBefore, room_state_after = :roomStateAfter, is_rejected = :isRejected,
     is_soft_failed = :isSoftFailed, redacted_by = :redactedBy, json = :json
   where event_nid = :eventNid`,
);

/** An event that was kept back gets its place in the timeline. */
export const releaseEvent = defineStatement<{
  eventNid: number;
  roomIndex: number;
  writer: number;
  position: number;
  roomStateBefore: number;
  roomStateAfter: number;
}>(
  `update events set room_index = :roomIndex, writer = :writer, position = :position, is_soft_failed = 0,
     room_state_before = :roomStateBefore, room_state_after = :roomStateAfter
   where event_nid = :eventNid`,
);

/** An event beside the graph. It may be here already: then nothing changes. */
export const insertOutlier = defineStatement<{
  eventNid: number;
  eventId: string;
  roomNid: number;
  type: string;
  stateKey: string | null;
  sender: string;
  depth: number;
  originServerTs: number;
  receivedTs: number;
  isRejected: number;
  hasUrl: number;
  json: string;
}>(
  `insert into events (event_nid, event_id, room_nid, type, state_key, sender, depth, origin_server_ts, received_ts,
     is_rejected, is_soft_failed, has_url, json)
   values (:eventNid, :eventId, :roomNid, :type, :stateKey, :sender, :depth, :originServerTs, :receivedTs,
     :isRejected, 0, :hasUrl, :json)
   on conflict (event_id) do nothing`,
);

/** Before a room is entered anew, over another server. */
export const deleteRoomExtremities = defineStatement<{ roomNid: number }>(
  'delete from forward_extremities where room_nid = :roomNid',
);

/** The first `room_index` of a room after a place: of all, it is below 1 where history was fetched. */
export const selectFirstRoomIndex = defineStatement<{ roomNid: number; after: number }, { room_index: number | null }>(
  'select min(room_index) as room_index from events where room_nid = :roomNid and room_index > :after',
);

/** The join by which this server came into a room last. */
export const updateRoomEntered = defineStatement<{ roomNid: number; eventNid: number }>(
  'update rooms set entered_nid = :eventNid where room_nid = :roomNid',
);

export const selectRoomEntered = defineStatement<{ roomNid: number }, { entered_nid: number | null }>(
  'select entered_nid from rooms where room_nid = :roomNid',
);

/** The last `room_index` of a stretch of a room's timeline, both ends left out; null where it is empty. */
export const selectLastRoomIndexBetween = defineStatement<
  { roomNid: number; after: number; before: number },
  { room_index: number | null }
>(
  `select max(room_index) as room_index from events
   where room_nid = :roomNid and room_index > :after and room_index < :before`,
);
