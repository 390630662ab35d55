import { defineStatement } from '../statement.ts';

export interface ConnectionRow {
  connection_nid: number;
  user_id: string;
  device_id: string;
  conn_id: string;
  last_used_ts: number;
  /** What its versions take, in steps. */
  bytes: number;
}

const COLUMNS = 'connection_nid, user_id, device_id, conn_id, last_used_ts, bytes';

export const selectConnection = defineStatement<{ connectionNid: number }, ConnectionRow>(
  `select ${COLUMNS} from sliding_connections where connection_nid = :connectionNid`,
);

export const insertConnection = defineStatement<{
  connectionNid: number;
  userId: string;
  deviceId: string;
  connId: string;
  lastUsedTs: number;
  bytes: number;
}>(
  `insert into sliding_connections (${COLUMNS})
   values (:connectionNid, :userId, :deviceId, :connId, :lastUsedTs, :bytes)`,
);

export const updateConnectionUse = defineStatement<{ connectionNid: number; lastUsedTs: number; bytes: number }>(
  `update sliding_connections set last_used_ts = :lastUsedTs, bytes = :bytes where connection_nid = :connectionNid`,
);

const SAME = `select connection_nid from sliding_connections
   where user_id = :userId and device_id = :deviceId and conn_id = :connId`;

/** A client begins its connection anew: what it was told before goes, versions first. */
export const deleteVersionsOfSame = defineStatement<{ userId: string; deviceId: string; connId: string }>(
  `delete from sliding_versions where connection_nid in (${SAME})`,
);

export const deleteSameConnection = defineStatement<
  { userId: string; deviceId: string; connId: string },
  { connection_nid: number }
>(`delete from sliding_connections where connection_nid in (${SAME}) returning connection_nid`);

/** Those of a user that were not among the `most` last used: a few, since each new one looks. */
const BEYOND = `select connection_nid from sliding_connections where user_id = :userId
   order by last_used_ts desc, connection_nid desc limit 100 offset :most`;

export const deleteVersionsBeyond = defineStatement<{ userId: string; most: number }>(
  `delete from sliding_versions where connection_nid in (${BEYOND})`,
);

export const deleteConnectionsBeyond = defineStatement<{ userId: string; most: number }, { connection_nid: number }>(
  `delete from sliding_connections where connection_nid in (${BEYOND}) returning connection_nid`,
);

/** Those of a user's other connections that do not fit into `mostBytes`, the last used first. */
const BEYOND_BYTES = `select connection_nid from (
     select connection_nid, sum(bytes) over (order by last_used_ts desc, connection_nid desc) as bytes_so_far
     from sliding_connections where user_id = :userId and connection_nid <> :connectionNid
   ) as others where bytes_so_far > :mostBytes`;

export const deleteVersionsBeyondBytes = defineStatement<{
  userId: string;
  connectionNid: number;
  mostBytes: number;
}>(`delete from sliding_versions where connection_nid in (${BEYOND_BYTES})`);

export const deleteConnectionsBeyondBytes = defineStatement<
  { userId: string; connectionNid: number; mostBytes: number },
  { connection_nid: number }
>(`delete from sliding_connections where connection_nid in (${BEYOND_BYTES}) returning connection_nid`);

const UNUSED = `select connection_nid from sliding_connections where last_used_ts < :before
   order by last_used_ts, connection_nid limit :limit`;

/** Connections that nobody used since, a few at a time: versions first. */
export const deleteVersionsOfUnused = defineStatement<{ before: number; limit: number }>(
  `delete from sliding_versions where connection_nid in (${UNUSED})`,
);

export const deleteUnusedConnections = defineStatement<{ before: number; limit: number }, { connection_nid: number }>(
  `delete from sliding_connections where connection_nid in (${UNUSED}) returning connection_nid`,
);

/** The first makes the state from nothing, each other one from the one before. */
export const selectVersions = defineStatement<{ connectionNid: number }, { version: number; json: string }>(
  'select version, json from sliding_versions where connection_nid = :connectionNid order by version',
);

export const insertVersion = defineStatement<{ connectionNid: number; version: number; json: string }>(
  'insert into sliding_versions (connection_nid, version, json) values (:connectionNid, :version, :json)',
);

/** Those with `from` <= version <= `upTo`. */
export const deleteVersions = defineStatement<{ connectionNid: number; from: number; upTo: number }>(
  `delete from sliding_versions
   where connection_nid = :connectionNid and version >= :from and version <= :upTo`,
);

/** The last event of each room, and the last one that counts as activity (`events_by_bump`); 0 where there is none. */
export const selectRoomActivity = defineStatement<
  { roomNids: readonly number[] },
  { room_nid: number; last_position: number; bump_position: number }
>(
  `select room_nid,
     coalesce((select e.position from events e where e.room_nid = rooms.room_nid and e.room_index is not null
       order by e.room_index desc limit 1), 0) as last_position,
     coalesce((select e.position from events e where e.room_nid = rooms.room_nid and e.room_index is not null
       and e.type in ('m.room.create', 'm.room.message', 'm.room.encrypted', 'm.sticker', 'm.call.invite',
         'm.poll.start', 'm.beacon_info')
       order by e.room_index desc limit 1), 0) as bump_position
   from rooms where room_nid in (:...roomNids)`,
);

/** Some slots of the current state of many rooms. */
export const selectSlotsOfRooms = defineStatement<
  { roomNids: readonly number[]; slotNids: readonly number[] },
  { room_nid: number; slot_nid: number; event_nid: number }
>(
  `select room_nid, slot_nid, event_nid from current_state
   where room_nid in (:...roomNids) and slot_nid in (:...slotNids)`,
);

export const selectTags = defineStatement<{ userId: string }, { room_id: string; content_json: string }>(
  `select room_id, content_json from account_data where user_id = :userId and type = 'm.tag'`,
);

/** Of these rooms, those in which the user's receipts moved in a range of one writer. */
export const selectRoomsRead = defineStatement<
  { roomNids: readonly number[]; userId: string; writer: number; after: number; upTo: number },
  { room_nid: number }
>(
  `select distinct room_nid from receipts
   where room_nid in (:...roomNids) and writer = :writer and position > :after and position <= :upTo
     and user_id = :userId`,
);
