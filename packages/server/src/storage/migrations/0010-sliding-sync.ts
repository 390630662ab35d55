import type { Migration } from './migration.ts';

/** Connections of sliding sync, as they were left. */
export const slidingSync: Migration = {
  number: 10,
  name: 'sliding-sync',
  statements: [
    // conn_id is '' where the client gives none.
    `create table sliding_connections (
      connection_nid {nid} primary key, user_id {text} not null, device_id {text} not null, conn_id {text} not null,
      last_used_ts {bigint} not null, unique (user_id, device_id, conn_id)){end}`,
    'create index sliding_connections_by_use on sliding_connections (last_used_ts)',
    // What a connection was told: the first version whole, each later one as what changed.
    `create table sliding_versions (
      connection_nid {bigint} not null, version {bigint} not null, json {text} not null,
      primary key (connection_nid, version)){end}`,
    // The last activity in a room that counts: see bump_stamp in MSC4186.
    `create index events_by_bump on events (room_nid, room_index)
     where type in ('m.room.create', 'm.room.message', 'm.room.encrypted', 'm.sticker', 'm.call.invite',
       'm.poll.start', 'm.beacon_info')`,
  ],
};
