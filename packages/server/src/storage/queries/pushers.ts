import { defineStatement } from '../statement.ts';

export interface PusherRow {
  pusher_nid: number;
  user_id: string;
  device_id: string;
  app_id: string;
  pushkey: string;
  json: string;
  set_ts: number;
  done_position: number;
  badge: number;
  failures: number;
  next_try_ms: number;
}

const COLUMNS =
  'pusher_nid, user_id, device_id, app_id, pushkey, json, set_ts, done_position, badge, failures, next_try_ms';

export const selectPushersOfUser = defineStatement<{ userId: string }, PusherRow>(
  `select ${COLUMNS} from pushers where user_id = :userId order by pusher_nid`,
);

export const selectPusher = defineStatement<{ pusherNid: number }, PusherRow>(
  `select ${COLUMNS} from pushers where pusher_nid = :pusherNid`,
);

/** A page of the users who have pushers. */
export const selectUsersWithPushers = defineStatement<{ after: string; limit: number }, { user_id: string }>(
  'select distinct user_id from pushers where user_id > :after order by user_id limit :limit',
);

/** A pusher that is set again is another one to its gateway, and goes on where it was. */
export const upsertPusher = defineStatement<{
  pusherNid: number;
  userId: string;
  deviceId: string;
  appId: string;
  pushkey: string;
  json: string;
  setTs: number;
  donePosition: number;
}>(
  `insert into pushers
     (pusher_nid, user_id, device_id, app_id, pushkey, json, set_ts, done_position, badge, failures, next_try_ms)
   values (:pusherNid, :userId, :deviceId, :appId, :pushkey, :json, :setTs, :donePosition, 0, 0, 0)
   on conflict (user_id, app_id, pushkey) do update set
     device_id = excluded.device_id, json = excluded.json, set_ts = excluded.set_ts, failures = 0, next_try_ms = 0`,
);

export const deletePusher = defineStatement<{ userId: string; appId: string; pushkey: string }>(
  'delete from pushers where user_id = :userId and app_id = :appId and pushkey = :pushkey',
);

/** One that its gateway wants no more, unless it was set to something else meanwhile. */
export const deleteRejectedPusher = defineStatement<{ pusherNid: number; json: string }, { pusher_nid: number }>(
  'delete from pushers where pusher_nid = :pusherNid and json = :json returning pusher_nid',
);

/** Those that other users have for the same installation of an application. */
export const deletePushersOfOthers = defineStatement<{ userId: string; appId: string; pushkey: string }>(
  'delete from pushers where app_id = :appId and pushkey = :pushkey and user_id <> :userId',
);

export const updatePusherDone = defineStatement<{ pusherNid: number; donePosition: number; badge: number }>(
  `update pushers set done_position = :donePosition, badge = :badge, failures = 0, next_try_ms = 0
   where pusher_nid = :pusherNid`,
);

export const updatePusherFailed = defineStatement<{ pusherNid: number; failures: number; nextTryMs: number }>(
  'update pushers set failures = :failures, next_try_ms = :nextTryMs where pusher_nid = :pusherNid',
);
