import { defineStatement } from '../statement.ts';

/** What other servers were told of the devices of this server's users. */

export const selectAnnouncedList = defineStatement<{ userId: string }, { stream_id: number }>(
  'select stream_id from announced_device_lists where user_id = :userId',
);

export const upsertAnnouncedList = defineStatement<{ userId: string; streamId: number }>(
  `insert into announced_device_lists (user_id, stream_id) values (:userId, :streamId)
   on conflict (user_id) do update set stream_id = excluded.stream_id`,
);

export const selectAnnouncedDevices = defineStatement<{ userId: string }, { device_id: string; digest: string }>(
  'select device_id, digest from announced_devices where user_id = :userId order by device_id',
);

export const upsertAnnouncedDevice = defineStatement<{ userId: string; deviceId: string; digest: string }>(
  `insert into announced_devices (user_id, device_id, digest) values (:userId, :deviceId, :digest)
   on conflict (user_id, device_id) do update set digest = excluded.digest`,
);

export const deleteAnnouncedDevice = defineStatement<{ userId: string; deviceId: string }>(
  'delete from announced_devices where user_id = :userId and device_id = :deviceId',
);

/** Up to which change the others were told, for each writer. */
export const selectAnnouncedPositions = defineStatement<Record<string, never>, { writer: number; position: number }>(
  'select writer, position from announced_positions',
);

export const upsertAnnouncedPosition = defineStatement<{ writer: number; position: number }>(
  `insert into announced_positions (writer, position) values (:writer, :position)
   on conflict (writer) do update set position = excluded.position`,
);

/** The other servers that share a room with a user. */
export const selectServersSharingRooms = defineStatement<{ userId: string }, { server_name: string }>(
  `select distinct servers.server_name from memberships mine
   join room_servers servers on servers.room_nid = mine.room_nid and servers.is_in = 1
   where mine.user_id = :userId and mine.membership = 'join' order by servers.server_name`,
);

/** Those of them that share one room alone, and which. */
export const selectServersSharingOneRoom = defineStatement<
  { userId: string },
  { server_name: string; room_id: string }
>(
  `select servers.server_name, min(rooms.room_id) as room_id from memberships mine
   join room_servers servers on servers.room_nid = mine.room_nid and servers.is_in = 1
   join rooms on rooms.room_nid = mine.room_nid
   where mine.user_id = :userId and mine.membership = 'join'
   group by servers.server_name having count(*) = 1`,
);
