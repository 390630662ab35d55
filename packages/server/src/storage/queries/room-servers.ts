import { defineStatement } from '../statement.ts';

/** Other servers in rooms: a row for each that has, or had, a joined user there. */

export const upsertRoomServer = defineStatement<{
  roomNid: number;
  serverName: string;
  isIn: number;
  writer: number;
  position: number;
}>(
  `insert into room_servers (room_nid, server_name, is_in, writer, position)
   values (:roomNid, :serverName, :isIn, :writer, :position)
   on conflict (room_nid, server_name) do update set
     is_in = excluded.is_in, writer = excluded.writer, position = excluded.position`,
);

export const selectServersOfRoom = defineStatement<{ roomNid: number }, { server_name: string }>(
  'select server_name from room_servers where room_nid = :roomNid and is_in = 1',
);

export const selectRoomsOfServer = defineStatement<{ serverName: string }, { room_nid: number }>(
  'select room_nid from room_servers where server_name = :serverName and is_in = 1',
);

/** Some of the servers that are in rooms now. */
export const selectSomeServers = defineStatement<{ limit: number }, { server_name: string }>(
  'select distinct server_name from room_servers where is_in = 1 order by server_name limit :limit',
);

/** How one server stands to a room; no row where it never was in it. */
export const selectServerInRoom = defineStatement<
  { roomNid: number; serverName: string },
  { is_in: number; writer: number; position: number }
>('select is_in, writer, position from room_servers where room_nid = :roomNid and server_name = :serverName');

export const deleteServersOfRoom = defineStatement<{ roomNid: number }>(
  'delete from room_servers where room_nid = :roomNid',
);

export const upsertStrippedState = defineStatement<{ roomNid: number; userId: string; json: string }>(
  `insert into stripped_states (room_nid, user_id, json) values (:roomNid, :userId, :json)
   on conflict (room_nid, user_id) do update set json = excluded.json`,
);
