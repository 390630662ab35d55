import { defineStatement } from '../statement.ts';

/** How far other servers have come: rows of those that are behind, and one mark for all others. */

export interface DestinationRow {
  server_name: string;
  is_behind: number;
  event_position: number;
  sticky_effective: number;
  sticky_due: number;
  failures: number;
  tried_ms: number;
  next_try_ms: number;
  last_success_ms: number | null;
  last_error: string | null;
  last_error_ms: number | null;
}

const COLUMNS =
  'server_name, is_behind, event_position, sticky_effective, sticky_due, failures, tried_ms, next_try_ms, ' +
  'last_success_ms, last_error, last_error_ms';

export const selectToldEverybody = defineStatement<Record<string, never>, { position: number }>(
  'select max(position) as position from told_everybody having max(position) is not null',
);

/** Never goes back. */
export const upsertToldEverybody = defineStatement<{ writer: number; position: number }>(
  `insert into told_everybody (writer, position) values (:writer, :position)
   on conflict (writer) do update set position = excluded.position
   where excluded.position > told_everybody.position`,
);

export const selectDestination = defineStatement<{ serverName: string }, DestinationRow>(
  `select ${COLUMNS} from destinations where server_name = :serverName`,
);

/** A page of all, those that are behind first. */
export const selectDestinations = defineStatement<{ limit: number }, DestinationRow>(
  `select ${COLUMNS} from destinations order by is_behind desc, next_try_ms, server_name limit :limit`,
);

export const countDestinations = defineStatement<Record<string, never>, { count: number }>(
  'select count(*) as count from destinations',
);

/** A page of the names of those that are behind. */
export const selectBehindNames = defineStatement<{ after: string; limit: number }, { server_name: string }>(
  `select server_name from destinations where is_behind = 1 and server_name > :after order by server_name limit :limit`,
);

/**
 * Those that are to be asked again, the longest due first. A time further off than any is given (`impossibleMs`) comes
 * of a clock that was wrong.
 */
export const selectDueDestinations = defineStatement<
  { nowMs: number; impossibleMs: number; limit: number },
  DestinationRow
>(
  `select ${COLUMNS} from destinations
   where is_behind = 1 and (next_try_ms <= :nowMs or next_try_ms > :impossibleMs) order by next_try_ms limit :limit`,
);

export const selectNextTry = defineStatement<{ nowMs: number }, { next_try_ms: number }>(
  `select next_try_ms from destinations where is_behind = 1 and next_try_ms > :nowMs order by next_try_ms limit 1`,
);

/** The server is behind, and has come so far. `error` is null where there is none to add. */
export const upsertBehind = defineStatement<{
  serverName: string;
  eventPosition: number;
  stickyEffective: number;
  stickyDue: number;
  failures: number;
  triedMs: number;
  nextTryMs: number;
  error: string | null;
  errorMs: number | null;
}>(
  `insert into destinations (${COLUMNS})
   values (:serverName, 1, :eventPosition, :stickyEffective, :stickyDue, :failures, :triedMs, :nextTryMs,
     null, :error, :errorMs)
   on conflict (server_name) do update set
     is_behind = 1, event_position = excluded.event_position, sticky_effective = excluded.sticky_effective,
     sticky_due = excluded.sticky_due, failures = excluded.failures, tried_ms = excluded.tried_ms,
     next_try_ms = excluded.next_try_ms,
     last_error = coalesce(excluded.last_error, destinations.last_error),
     last_error_ms = coalesce(excluded.last_error_ms, destinations.last_error_ms)`,
);

/** Puts a server behind that was not: it has everything up to here and is asked at once. */
export const insertBehind = defineStatement<{ serverName: string; position: number; nowMs: number }>(
  `insert into destinations (${COLUMNS})
   values (:serverName, 1, :position, :position, :position, 0, :nowMs, :nowMs, null, null, null)
   on conflict (server_name) do update set
     is_behind = 1, event_position = excluded.event_position, sticky_effective = excluded.sticky_effective,
     sticky_due = excluded.sticky_due, failures = 0, tried_ms = excluded.tried_ms, next_try_ms = excluded.next_try_ms
   where destinations.is_behind = 0`,
);

/** The server has everything that `told_everybody` says it has. */
export const updateLive = defineStatement<{ serverName: string }>(
  'update destinations set is_behind = 0, failures = 0 where server_name = :serverName',
);

export const upsertSuccess = defineStatement<{ serverName: string; lastSuccessMs: number }>(
  `insert into destinations (${COLUMNS}) values (:serverName, 0, 0, 0, 0, 0, 0, 0, :lastSuccessMs, null, null)
   on conflict (server_name) do update set last_success_ms = excluded.last_success_ms`,
);
