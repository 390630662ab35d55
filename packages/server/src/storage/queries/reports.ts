import { defineStatement } from '../statement.ts';

/** A row of `reports`: of an event, of a room, or of a user. */
export interface ReportRow {
  report_nid: number;
  reporter: string;
  room_id: string | null;
  event_id: string | null;
  user_id: string | null;
  score: number | null;
  reason: string;
  received_ts: number;
}

export const insertReport = defineStatement<{
  reportNid: number;
  reporter: string;
  roomId: string | null;
  eventId: string | null;
  userId: string | null;
  score: number | null;
  reason: string;
  receivedTs: number;
}>(
  `insert into reports (report_nid, reporter, room_id, event_id, user_id, score, reason, received_ts)
   values (:reportNid, :reporter, :roomId, :eventId, :userId, :score, :reason, :receivedTs)`,
);

/** The newest first. */
export const selectReports = defineStatement<{ before: number; limit: number }, ReportRow>(
  `select report_nid, reporter, room_id, event_id, user_id, score, reason, received_ts from reports
   where report_nid < :before order by report_nid desc limit :limit`,
);
