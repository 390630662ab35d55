import { defineStatement } from '../statement.ts';

/** Messages of one writer that wait for a device, with `after` < position <= `upTo`, oldest first. */
export const selectToDeviceMessages = defineStatement<
  { userId: string; deviceId: string; writer: number; after: number; upTo: number; limit: number },
  { position: number; json: string }
>(
  `select position, json from to_device_messages
   where user_id = :userId and device_id = :deviceId and writer = :writer and position > :after and position <= :upTo
   order by position limit :limit`,
);

/** Writes nothing where the device is gone: nobody would ever take the message away. */
export const insertToDeviceMessage = defineStatement<{
  userId: string;
  deviceId: string;
  writer: number;
  position: number;
  json: string;
}>(
  `insert into to_device_messages (user_id, device_id, writer, position, json)
   select user_id, device_id, cast(:writer as bigint), cast(:position as bigint), cast(:json as text)
   from devices where user_id = :userId and device_id = :deviceId`,
);

export const deleteToDeviceMessages = defineStatement<{
  userId: string;
  deviceId: string;
  writer: number;
  upTo: number;
}>(
  `delete from to_device_messages
   where user_id = :userId and device_id = :deviceId and writer = :writer and position <= :upTo`,
);

/** Leaves the newest `kept` messages of one writer to a device. */
export const trimToDeviceMessages = defineStatement<{
  userId: string;
  deviceId: string;
  writer: number;
  kept: number;
}>(
  `delete from to_device_messages
   where user_id = :userId and device_id = :deviceId and writer = :writer and position <=
     (select position from to_device_messages
      where user_id = :userId and device_id = :deviceId and writer = :writer
      order by position desc limit 1 offset :kept)`,
);

/** The devices of users, without what only their owners see. */
export const selectDeviceNamesOfUsers = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; device_id: string; display_name: string | null }
>('select user_id, device_id, display_name from devices where user_id in (:...userIds)');
