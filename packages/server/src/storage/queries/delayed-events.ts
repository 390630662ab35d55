import { defineStatement } from '../statement.ts';

/** A delayed event without what is to be sent. */
export interface ScheduledEventRow {
  delayed_nid: number;
  delay_id: string;
  user_id: string;
  delay_ms: number;
  send_ts: number;
}

/** What of a delayed event is sent. */
export interface DelayedContentRow {
  room_id: string;
  type: string;
  state_key: string | null;
  content_json: string;
  top_level_json: string | null;
}

export interface DelayedEventRow extends ScheduledEventRow, DelayedContentRow {
  since_ts: number;
  status: string;
  reason: string | null;
  finalised_ts: number | null;
  event_id: string | null;
  error_json: string | null;
}

const SCHEDULED_COLUMNS = 'delayed_nid, delay_id, user_id, delay_ms, send_ts';
const CONTENT_COLUMNS = 'room_id, type, state_key, content_json, top_level_json';
const OTHER_COLUMNS = 'since_ts, status, reason, finalised_ts, event_id, error_json';
const ALL_COLUMNS = `${SCHEDULED_COLUMNS}, ${CONTENT_COLUMNS}, ${OTHER_COLUMNS}`;

/** Changes a row only where this device has not used the transaction ID: to be run with `expect`. */
export const insertDelayedEvent = defineStatement<{
  delayedNid: number;
  delayId: string;
  userId: string;
  deviceId: string | null;
  scope: string | null;
  transactionId: string | null;
  roomId: string;
  type: string;
  stateKey: string | null;
  contentJson: string;
  topLevelJson: string | null;
  delayMs: number;
  sinceTs: number;
  sendTs: number;
}>(
  `insert into delayed_events
     (delayed_nid, delay_id, user_id, device_id, scope, transaction_id, room_id, type, state_key, content_json,
      top_level_json, delay_ms, since_ts, send_ts, status)
   values
     (:delayedNid, :delayId, :userId, :deviceId, :scope, :transactionId, :roomId, :type, :stateKey, :contentJson,
      :topLevelJson, :delayMs, :sinceTs, :sendTs, 'scheduled')
   on conflict (user_id, device_id, scope, transaction_id) do nothing`,
);

export const selectDelayIdOfTransaction = defineStatement<
  { userId: string; deviceId: string; scope: string; transactionId: string },
  { delay_id: string }
>(
  `select delay_id from delayed_events
   where user_id = :userId and device_id = :deviceId and scope = :scope and transaction_id = :transactionId`,
);

/** A page of all that are scheduled, in the order of their numbers. */
export const selectScheduledEvents = defineStatement<{ after: number; limit: number }, ScheduledEventRow>(
  `select ${SCHEDULED_COLUMNS} from delayed_events
   where finalised_ts is null and delayed_nid > :after order by delayed_nid limit :limit`,
);

export const selectScheduledEvent = defineStatement<{ delayId: string }, ScheduledEventRow>(
  `select ${SCHEDULED_COLUMNS} from delayed_events where delay_id = :delayId and finalised_ts is null`,
);

/** With how its user stands. */
export const selectDelayedContent = defineStatement<
  { delayedNid: number },
  DelayedContentRow & {
    attempt_json: string | null;
    is_deactivated: number;
    is_locked: number;
    is_suspended: number;
  }
>(
  `select ${CONTENT_COLUMNS}, attempt_json, users.is_deactivated, users.is_locked, users.is_suspended
   from delayed_events join users on users.user_id = delayed_events.user_id where delayed_nid = :delayedNid`,
);

export const selectDelayedEvent = defineStatement<{ delayId: string }, DelayedEventRow>(
  `select ${ALL_COLUMNS} from delayed_events where delay_id = :delayId`,
);

export interface DelayedEventsFilter extends Record<string, string | number | null | readonly string[]> {
  userId: string;
  /** Between these, both included. */
  fromTs: number;
  toTs: number;
  /** Where the page before ended, not included. */
  afterTs: number;
  afterNid: number;
  roomId: string | null;
  type: string | null;
  statuses: readonly string[];
  /** Whether those of `delayIds` alone are looked for. */
  isOfIds: number;
  delayIds: readonly string[];
  limit: number;
}

const FILTER = `user_id = :userId and send_ts >= :fromTs and send_ts <= :toTs
  and (cast(:roomId as text) is null or room_id = :roomId) and (cast(:type as text) is null or type = :type)
  and status in (:...'statuses) and (:isOfIds = 0 or delay_id in (:...'delayIds))`;

/** A page of a user's delayed events in the order of their send times. */
export const selectDelayedEventsForwards = defineStatement<DelayedEventsFilter, DelayedEventRow>(
  `select ${ALL_COLUMNS} from delayed_events
   where ${FILTER} and (send_ts, delayed_nid) > (:afterTs, :afterNid)
   order by send_ts, delayed_nid limit :limit`,
);

/** The same, the latest first. */
export const selectDelayedEventsBackwards = defineStatement<DelayedEventsFilter, DelayedEventRow>(
  `select ${ALL_COLUMNS} from delayed_events
   where ${FILTER} and (send_ts, delayed_nid) < (:afterTs, :afterNid)
   order by send_ts desc, delayed_nid desc limit :limit`,
);

export const updateRestarted = defineStatement<{ delayedNid: number; sinceTs: number; sendTs: number }>(
  `update delayed_events set since_ts = :sinceTs, send_ts = :sendTs
   where delayed_nid = :delayedNid and finalised_ts is null`,
);

/** Changes a row only where it is not finalised: to be run with `expect`. */
export const updateAttempt = defineStatement<{ delayedNid: number; attemptJson: string }>(
  `update delayed_events set attempt_json = :attemptJson where delayed_nid = :delayedNid and finalised_ts is null`,
);

/** Changes a row only where it is not finalised: to be run with `expect`. */
export const updateFinalised = defineStatement<{
  delayedNid: number;
  status: string;
  reason: string;
  finalisedTs: number;
  eventId: string | null;
  errorJson: string | null;
}>(
  `update delayed_events set status = :status, reason = :reason, finalised_ts = :finalisedTs, event_id = :eventId,
     error_json = :errorJson, attempt_json = null
   where delayed_nid = :delayedNid and finalised_ts is null`,
);

export const insertDelayIdOfEvent = defineStatement<{ eventNid: number; delayId: string }>(
  'insert into delay_ids_of_events (event_nid, delay_id) values (:eventNid, :delayId)',
);

/** Forgets the oldest finalised ones of a user beyond so many, some at a time. */
export const deleteSurplusFinalised = defineStatement<{ userId: string; kept: number; limit: number }>(
  `delete from delayed_events where delayed_nid in
   (select delayed_nid from delayed_events where user_id = :userId and finalised_ts is not null
    order by finalised_ts desc, delayed_nid desc limit :limit offset :kept)`,
);

/** Forgets what was finalised before then, some at a time. */
export const deleteOldFinalised = defineStatement<{ before: number; limit: number }, { delayed_nid: number }>(
  `delete from delayed_events where delayed_nid in
   (select delayed_nid from delayed_events where finalised_ts is not null and finalised_ts < :before
    order by finalised_ts, delayed_nid limit :limit)
   returning delayed_nid`,
);

export const deleteDelayedEventsOfUser = defineStatement<{ userId: string }>(
  'delete from delayed_events where user_id = :userId',
);
