import { defineStatement } from '../statement.ts';

/** EDUs that wait for other servers: `services/remote-servers/outgoing-edus.ts` writes them, the sender takes them. */

export const insertOutgoingEdu = defineStatement<{
  writer: number;
  position: number;
  serverName: string;
  eduType: string;
  replacesKey: string | null;
  queuedTs: number;
  json: string;
}>(
  `insert into outgoing_edus (writer, position, server_name, edu_type, replaces_key, queued_ts, json)
   values (:writer, :position, :serverName, :eduType, :replacesKey, :queuedTs, :json)`,
);

export const deleteReplacedEdu = defineStatement<{ serverName: string; eduType: string; replacesKey: string }>(
  `delete from outgoing_edus
   where server_name = :serverName and edu_type = :eduType and replaces_key = :replacesKey`,
);

/** What waits for a server, oldest first. */
export const selectOutgoingEdus = defineStatement<
  { serverName: string; limit: number },
  { writer: number; position: number; edu_type: string; json: string }
>(
  `select writer, position, edu_type, json from outgoing_edus where server_name = :serverName
   order by writer, position limit :limit`,
);

export const deleteOutgoingEdus = defineStatement<{ writer: number; positions: readonly number[] }>(
  'delete from outgoing_edus where writer = :writer and position in (:...positions)',
);

/** Leaves the newest `kept` EDUs to a server. */
export const trimOutgoingEdus = defineStatement<{ serverName: string; kept: number }>(
  `delete from outgoing_edus where server_name = :serverName and position <=
     (select position from outgoing_edus where server_name = :serverName order by position desc limit 1 offset :kept)`,
);

export const deleteOldOutgoingEdus = defineStatement<{ queuedBefore: number; limit: number }, { position: number }>(
  `delete from outgoing_edus where (writer, position) in
     (select writer, position from outgoing_edus where queued_ts < :queuedBefore order by queued_ts limit :limit)
   returning position`,
);

export const countOutgoingEdus = defineStatement<{ serverName: string }, { count: number; oldest_ts: number | null }>(
  'select count(*) as count, min(queued_ts) as oldest_ts from outgoing_edus where server_name = :serverName',
);
