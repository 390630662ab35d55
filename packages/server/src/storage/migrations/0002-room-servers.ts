import type { Migration } from './migration.ts';

/** Which servers are in which rooms, and what else rooms of several servers need. */
export const roomServers: Migration = {
  number: 2,
  name: 'room-servers',
  statements: [
    // The room's current state just before and just after the event took its place, as snapshots, where that is not the
    // state before the event and after it: the graph was forked.
    'alter table events add column room_state_before {bigint}',
    'alter table events add column room_state_after {bigint}',
    // The join by which this server came into the room last; null for rooms that were made here.
    'alter table rooms add column entered_nid {bigint}',
    // Other servers alone: where nobody else is, there is no row. writer and position are where is_in changed last: who
    // left at a position still gets what stands before it, and the event that put it out.
    `create table room_servers (
      room_nid {bigint} not null, server_name {text} not null, is_in {bigint} not null,
      writer {bigint} not null, position {bigint} not null, primary key (room_nid, server_name)){clustered}`,
    'create index room_servers_by_server on room_servers (server_name, is_in, room_nid)',
    // What an inviting server told of a room that we are not in, as a JSON array of stripped state.
    `create table stripped_states (
      room_nid {bigint} not null, user_id {text} not null, json {text} not null,
      primary key (room_nid, user_id)){clustered}`,
  ],
};
