import { defineStatement } from '../statement.ts';

export interface DueStickyRow {
  event_nid: number;
  sender: string;
  position: number;
  until_ms: number;
}

export const insertStickyEvent = defineStatement<{
  eventNid: number;
  roomNid: number;
  sender: string;
  untilMs: number;
  writer: number | null;
  position: number | null;
}>(
  `insert into sticky_events (event_nid, room_nid, sender, until_ms, writer, position)
   values (:eventNid, :roomNid, :sender, :untilMs, :writer, :position)
   on conflict (event_nid) do update set writer = excluded.writer, position = excluded.position`,
);

/** Both are null together; the index begins with the writer. */
const KEPT_BACK = 'sticky_events.writer is null and sticky_events.position is null';

/** Sticky events of a room that are kept and have no place yet: soft-failed ones, or ones held back. In order. */
export const selectKeptBackStickyEvents = defineStatement<
  { roomNid: number; isSoftFailed: number; nowMs: number; limit: number },
  { event_nid: number }
>(
  `select sticky_events.event_nid from sticky_events join events on events.event_nid = sticky_events.event_nid
   where sticky_events.room_nid = :roomNid and ${KEPT_BACK} and events.is_soft_failed = :isSoftFailed
     and sticky_events.until_ms > :nowMs order by sticky_events.event_nid limit :limit`,
);

/** One soft-failed event of the room that may still stick, if there is any. */
export const selectRefusedStickyEvent = defineStatement<{ roomNid: number }, { event_nid: number }>(
  `select sticky_events.event_nid from sticky_events join events on events.event_nid = sticky_events.event_nid
   where sticky_events.room_nid = :roomNid and ${KEPT_BACK} and events.is_soft_failed = 1 limit 1`,
);

/** Rooms with sticky events that are kept and have no place yet. */
export const selectRoomsWithKeptBack = defineStatement<{ nowMs: number }, { room_id: string }>(
  `select distinct rooms.room_id from sticky_events join rooms on rooms.room_nid = sticky_events.room_nid
   where sticky_events.position is null and sticky_events.until_ms > :nowMs`,
);

/** A redacted event is not sticky (A3). Runs after the redaction has marked the row of the event. */
export const deleteRedactedStickyEvent = defineStatement<{ redacts: string; redactionNid: number }>(
  `delete from sticky_events where event_nid in
   (select event_nid from events where event_id = :redacts and redacted_by = :redactionNid)`,
);

/** Unexpired sticky events of a room that became due at `after` < position <= `upTo`, in that order. */
export const selectDueStickyEvents = defineStatement<
  { roomNid: number; writer: number; after: number; upTo: number; nowMs: number; limit: number },
  DueStickyRow
>(
  `select event_nid, sender, position, until_ms from sticky_events
   where room_nid = :roomNid and writer = :writer and position > :after and position <= :upTo and until_ms > :nowMs
   order by position limit :limit`,
);

/** Which of these positions are of sticky events of a room. */
export const selectStickyPositions = defineStatement<
  { roomNid: number; writer: number; positions: readonly number[] },
  { position: number }
>(
  `select position from sticky_events
   where room_nid = :roomNid and writer = :writer and position in (:...positions)`,
);

/** For each room the last place where a sticky event became due, and when its last one ends. */
export const selectStickyRooms = defineStatement<
  { nowMs: number },
  { room_nid: number; writer: number; latest: number; until_ms: number }
>(
  `select room_nid, writer, max(position) as latest, max(until_ms) as until_ms from sticky_events
   where until_ms > :nowMs and position is not null group by room_nid, writer`,
);

export const deleteExpiredStickyEvents = defineStatement<{ nowMs: number; limit: number }, { event_nid: number }>(
  `delete from sticky_events where event_nid in
   (select event_nid from sticky_events where until_ms <= :nowMs order by until_ms limit :limit)
   returning event_nid`,
);
