import { defineStatement } from '../statement.ts';

export interface OneTimeKeyRow {
  key_id: string;
  json: string;
}

export const selectDeviceKeys = defineStatement<{ userId: string; deviceId: string }, { json: string }>(
  'select json from device_keys where user_id = :userId and device_id = :deviceId',
);

/** Device keys with the names of their devices; devices without keys are left out. */
export const selectDeviceKeysOfUsers = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; device_id: string; json: string; display_name: string | null }
>(
  `select keys.user_id, keys.device_id, keys.json, devices.display_name from device_keys keys
   join devices on devices.user_id = keys.user_id and devices.device_id = keys.device_id
   where keys.user_id in (:...userIds) order by keys.user_id, keys.device_id`,
);

export const upsertDeviceKeys = defineStatement<{ userId: string; deviceId: string; json: string }>(
  `insert into device_keys (user_id, device_id, json) values (:userId, :deviceId, :json)
   on conflict (user_id, device_id) do update set json = excluded.json`,
);

/** Changes nothing where the keys are not as they were known: to be run with `expect`. */
export const updateDeviceKeys = defineStatement<{ userId: string; deviceId: string; known: string; json: string }>(
  `update device_keys set json = :json
   where user_id = :userId and device_id = :deviceId and json = :known`,
);

export const selectOneTimeKeys = defineStatement<
  { userId: string; deviceId: string },
  OneTimeKeyRow & { algorithm: string }
>('select algorithm, key_id, json from one_time_keys where user_id = :userId and device_id = :deviceId');

/** Changes nothing where the device has a key of this name: to be run with `expect`. */
export const insertOneTimeKey = defineStatement<{
  userId: string;
  deviceId: string;
  algorithm: string;
  keyId: string;
  ordinal: number;
  json: string;
}>(
  `insert into one_time_keys (user_id, device_id, algorithm, key_id, ordinal, json)
   values (:userId, :deviceId, :algorithm, :keyId, :ordinal, :json)
   on conflict (user_id, device_id, algorithm, key_id) do nothing`,
);

/** Takes the oldest key of this algorithm away. */
export const claimOneTimeKey = defineStatement<{ userId: string; deviceId: string; algorithm: string }, OneTimeKeyRow>(
  `delete from one_time_keys
   where user_id = :userId and device_id = :deviceId and algorithm = :algorithm and key_id in
     (select key_id from one_time_keys
      where user_id = :userId and device_id = :deviceId and algorithm = :algorithm
      order by ordinal limit 1)
   returning key_id, json`,
);

export const countOneTimeKeys = defineStatement<
  { userId: string; deviceId: string },
  { algorithm: string; count: number }
>(
  `select algorithm, count(*) as count from one_time_keys
   where user_id = :userId and device_id = :deviceId group by algorithm order by algorithm`,
);

export const countOneTimeKeysOfUsers = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; device_id: string; algorithm: string; count: number }
>(
  `select user_id, device_id, algorithm, count(*) as count from one_time_keys
   where user_id in (:...userIds) group by user_id, device_id, algorithm`,
);

export const selectUnusedFallbackTypes = defineStatement<{ userId: string; deviceId: string }, { algorithm: string }>(
  `select algorithm from fallback_keys
   where user_id = :userId and device_id = :deviceId and is_used = 0 order by algorithm`,
);

export const selectFallbackKeysOfUsers = defineStatement<
  { userIds: readonly string[] },
  OneTimeKeyRow & { user_id: string; device_id: string; algorithm: string; is_used: number }
>(
  `select user_id, device_id, algorithm, key_id, is_used, json from fallback_keys
   where user_id in (:...userIds)`,
);

/** A key that is there already stays as used as it is. */
export const upsertFallbackKey = defineStatement<{
  userId: string;
  deviceId: string;
  algorithm: string;
  keyId: string;
  json: string;
}>(
  `insert into fallback_keys (user_id, device_id, algorithm, key_id, is_used, json)
   values (:userId, :deviceId, :algorithm, :keyId, 0, :json)
   on conflict (user_id, device_id, algorithm) do update set
     is_used = case when fallback_keys.key_id = excluded.key_id and fallback_keys.json = excluded.json
       then fallback_keys.is_used else 0 end,
     key_id = excluded.key_id, json = excluded.json`,
);

export const updateFallbackKeyUsed = defineStatement<{
  userId: string;
  deviceId: string;
  algorithm: string;
  keyId: string;
}>(
  `update fallback_keys set is_used = 1
   where user_id = :userId and device_id = :deviceId and algorithm = :algorithm and key_id = :keyId`,
);

/** Changes nothing but fails an `expect` where the device is gone, so that nothing is kept for it. */
export const confirmDevice = defineStatement<{ userId: string; deviceId: string }>(
  'update devices set display_name = display_name where user_id = :userId and device_id = :deviceId',
);
