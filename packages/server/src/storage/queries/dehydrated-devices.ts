import { defineStatement } from '../statement.ts';

export const selectDehydratedDevice = defineStatement<{ userId: string }, { device_id: string; data_json: string }>(
  'select device_id, data_json from dehydrated_devices where user_id = :userId',
);

/** Changes nothing where the user has one: to be run with `expect`. */
export const insertDehydratedDevice = defineStatement<{ userId: string; deviceId: string; dataJson: string }>(
  `insert into dehydrated_devices (user_id, device_id, data_json) values (:userId, :deviceId, :dataJson)
   on conflict (user_id) do nothing`,
);

/** Changes nothing where this is not the user's dehydrated device any more: to be run with `expect`. */
export const confirmDehydratedDevice = defineStatement<{ userId: string; deviceId: string }>(
  'update dehydrated_devices set data_json = data_json where user_id = :userId and device_id = :deviceId',
);
