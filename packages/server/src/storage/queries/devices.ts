import { defineStatement } from '../statement.ts';

export interface DeviceRow {
  user_id: string;
  device_id: string;
  display_name: string | null;
  created_ts: number;
  last_seen_ts: number | null;
  last_seen_ip: string | null;
  user_agent: string | null;
}

const DEVICE_COLUMNS = 'user_id, device_id, display_name, created_ts, last_seen_ts, last_seen_ip, user_agent';

export const selectDevices = defineStatement<{ userId: string }, DeviceRow>(
  `select ${DEVICE_COLUMNS} from devices where user_id = :userId order by device_id`,
);

export const selectDevice = defineStatement<{ userId: string; deviceId: string }, DeviceRow>(
  `select ${DEVICE_COLUMNS} from devices where user_id = :userId and device_id = :deviceId`,
);

/**
 * A device that exists keeps its name. Changes nothing, and fails an `expect`, where the user has a cross-signing key
 * or a dehydrated device of this name.
 */
export const insertDevice = defineStatement<{
  userId: string;
  deviceId: string;
  displayName: string | null;
  createdTs: number;
  address: string | null;
  userAgent: string | null;
}>(
  `insert into devices (user_id, device_id, display_name, created_ts, last_seen_ts, last_seen_ip, user_agent)
   select cast(:userId as text), cast(:deviceId as text), cast(:displayName as text), cast(:createdTs as bigint),
     cast(:createdTs as bigint), cast(:address as text), cast(:userAgent as text)
   where not exists (select 1 from cross_signing_keys where user_id = :userId and public_key = :deviceId)
     and not exists (select 1 from dehydrated_devices where user_id = :userId and device_id = :deviceId)
   on conflict (user_id, device_id) do update set
     last_seen_ts = excluded.last_seen_ts, last_seen_ip = excluded.last_seen_ip, user_agent = excluded.user_agent`,
);

/**
 * A device that nobody is logged in with. Changes nothing where the user has a device or a cross-signing key of this
 * name: to be run with `expect`.
 */
export const insertNewDevice = defineStatement<{
  userId: string;
  deviceId: string;
  displayName: string | null;
  createdTs: number;
}>(
  `insert into devices (user_id, device_id, display_name, created_ts)
   select cast(:userId as text), cast(:deviceId as text), cast(:displayName as text), cast(:createdTs as bigint)
   where not exists (select 1 from cross_signing_keys where user_id = :userId and public_key = :deviceId)
   on conflict (user_id, device_id) do nothing`,
);

export const updateDeviceName = defineStatement<{ userId: string; deviceId: string; displayName: string | null }>(
  'update devices set display_name = :displayName where user_id = :userId and device_id = :deviceId',
);

export const updateLastSeen = defineStatement<{ userId: string; deviceId: string; lastSeenTs: number }>(
  'update devices set last_seen_ts = :lastSeenTs where user_id = :userId and device_id = :deviceId',
);

/** All that belongs to a device and goes with it. Access tokens are apart: `access-tokens.ts`. */
const TABLES_OF_A_DEVICE = [
  'devices',
  'dehydrated_devices',
  'device_keys',
  'one_time_keys',
  'fallback_keys',
  'to_device_messages',
  'transaction_ids',
  'refresh_tokens',
  'pushers',
];

/** One statement for each table. */
export const deleteDevices = TABLES_OF_A_DEVICE.map((table) =>
  defineStatement<{ userId: string; deviceIds: readonly string[] }>(
    `delete from ${table} where user_id = :userId and device_id in (:...'deviceIds')`,
  ),
);

/** One statement for each table. `keptDeviceId` is '' when none is kept. */
export const deleteAllDevices = TABLES_OF_A_DEVICE.map((table) =>
  defineStatement<{ userId: string; keptDeviceId: string }>(
    `delete from ${table} where user_id = :userId and device_id <> :keptDeviceId`,
  ),
);

/** When the devices of a user last changed: a place in the stream. */
export const upsertDeviceListChange = defineStatement<{ userId: string; writer: number; position: number }>(
  `insert into device_list_changes (user_id, writer, position) values (:userId, :writer, :position)
   on conflict (user_id) do update set writer = excluded.writer, position = excluded.position`,
);
