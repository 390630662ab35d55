import { defineStatement } from '../statement.ts';

/** Device lists of users of other servers, as far as they are followed. */

export interface RemoteListRow {
  user_id: string;
  stream_id: number | null;
  is_stale: number;
  master_key_json: string | null;
  self_signing_key_json: string | null;
}

export const selectRemoteLists = defineStatement<{ userIds: readonly string[] }, RemoteListRow>(
  `select user_id, stream_id, is_stale, master_key_json, self_signing_key_json from remote_device_lists
   where user_id in (:...userIds)`,
);

export const selectRemoteDevices = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; device_id: string; display_name: string | null; json: string }
>(
  `select user_id, device_id, display_name, json from remote_devices
   where user_id in (:...userIds) order by user_id, device_id`,
);

export const countOtherRemoteDevices = defineStatement<{ userId: string; deviceId: string }, { count: number }>(
  'select count(*) as count from remote_devices where user_id = :userId and device_id <> :deviceId',
);

export const upsertRemoteList = defineStatement<{
  userId: string;
  serverName: string;
  streamId: number;
  isStale: number;
  masterKeyJson: string | null;
  selfSigningKeyJson: string | null;
}>(
  `insert into remote_device_lists (user_id, server_name, stream_id, is_stale, master_key_json, self_signing_key_json)
   values (:userId, :serverName, :streamId, :isStale, :masterKeyJson, :selfSigningKeyJson)
   on conflict (user_id) do update set
     stream_id = excluded.stream_id, is_stale = excluded.is_stale, master_key_json = excluded.master_key_json,
     self_signing_key_json = excluded.self_signing_key_json`,
);

/** Moves a list on from where it is; changes nothing where it is not there any more: to be run with `expect`. */
export const advanceRemoteList = defineStatement<{ userId: string; known: number; streamId: number }>(
  `update remote_device_lists set stream_id = :streamId
   where user_id = :userId and stream_id = :known and is_stale = 0`,
);

/** Changes nothing where the list is stale already, or is none: to be run with `expect`. */
export const updateRemoteListStale = defineStatement<{ userId: string }>(
  'update remote_device_lists set is_stale = 1 where user_id = :userId and is_stale = 0',
);

/** What is null stays as it is. Changes nothing where there is no list: to be run with `expect`. */
export const updateSigningKeys = defineStatement<{
  userId: string;
  masterKeyJson: string | null;
  selfSigningKeyJson: string | null;
}>(
  `update remote_device_lists set
     master_key_json = coalesce(cast(:masterKeyJson as text), master_key_json),
     self_signing_key_json = coalesce(cast(:selfSigningKeyJson as text), self_signing_key_json)
   where user_id = :userId`,
);

export const upsertRemoteDevice = defineStatement<{
  userId: string;
  deviceId: string;
  displayName: string | null;
  json: string;
}>(
  `insert into remote_devices (user_id, device_id, display_name, json)
   values (:userId, :deviceId, :displayName, :json)
   on conflict (user_id, device_id) do update set display_name = excluded.display_name, json = excluded.json`,
);

export const deleteRemoteDevice = defineStatement<{ userId: string; deviceId: string }>(
  'delete from remote_devices where user_id = :userId and device_id = :deviceId',
);

export const deleteRemoteDevices = defineStatement<{ userIds: readonly string[] }>(
  'delete from remote_devices where user_id in (:...userIds)',
);

export const deleteRemoteLists = defineStatement<{ userIds: readonly string[] }>(
  'delete from remote_device_lists where user_id in (:...userIds)',
);

/** Lists in the order of their users, some at a time. */
export const selectListedUsers = defineStatement<{ after: string; limit: number }, { user_id: string }>(
  'select user_id from remote_device_lists where user_id > :after order by user_id limit :limit',
);

/** Those of the joined users of a room whose lists are kept. */
export const selectListedUsersOfRoom = defineStatement<{ roomNid: number }, { user_id: string }>(
  `select lists.user_id from memberships members
   join remote_device_lists lists on lists.user_id = members.user_id
   where members.room_nid = :roomNid and members.membership = 'join'`,
);

export const selectServersWithStaleLists = defineStatement<{ limit: number }, { server_name: string }>(
  'select distinct server_name from remote_device_lists where is_stale = 1 order by server_name limit :limit',
);

export const selectStaleLists = defineStatement<
  { serverName: string; after: string; limit: number },
  { user_id: string }
>(
  `select user_id from remote_device_lists
   where server_name = :serverName and user_id > :after and is_stale = 1 order by user_id limit :limit`,
);

/** The rooms that users are joined to. */
export const selectJoinedRoomsOfUsers = defineStatement<
  { userIds: readonly string[] },
  { user_id: string; room_nid: number; room_id: string }
>(
  `select memberships.user_id, memberships.room_nid, rooms.room_id from memberships
   join rooms on rooms.room_nid = memberships.room_nid
   where memberships.user_id in (:...userIds) and memberships.membership = 'join'`,
);
