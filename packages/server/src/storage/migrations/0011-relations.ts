import type { Migration } from './migration.ts';

/** Which event relates to which, and what is searched. */
export const relations: Migration = {
  number: 11,
  name: 'relations',
  statements: [
    // Events with a place in the timeline that relate to another event of their room (its row may be missing).
    // aggregation_key: of an annotation, the beginning of its key; of a replacement that is valid by what it says
    // itself (is_edit), '=' and its type; '' for all others.
    `create table event_relations (
      room_nid {bigint} not null, parent_id {text} not null, room_index {bigint} not null, event_nid {bigint} not null,
      event_id {text} not null, rel_type {text} not null, type {text} not null, sender {text} not null,
      origin_server_ts {bigint} not null, aggregation_key {text} not null, is_edit {bigint} not null,
      primary key (room_nid, parent_id, room_index)){clustered}`,
    'create index event_relations_by_kind on event_relations (room_nid, parent_id, rel_type, room_index)',
    `create index event_relations_by_sender on event_relations (
      room_nid, parent_id, rel_type, sender, aggregation_key, origin_server_ts, event_id)`,
    // Of events that have something to bundle. thread_latest: the room_index of the last event of the thread.
    `create table related_events (
      room_nid {bigint} not null, event_id {text} not null, thread_count {bigint} not null, thread_latest {bigint},
      has_edit {bigint} not null, has_reference {bigint} not null, primary key (room_nid, event_id)){clustered}`,
    'create index related_events_by_thread on related_events (room_nid, thread_latest)',

    // How far those have come that go through all events by their numbers, and where they end (null: never).
    `create table event_walks (
      name {text} primary key, event_nid {bigint} not null, last_nid {bigint}){end}`,
    `insert into event_walks (name, event_nid, last_nid)
      select 'relations', 0, coalesce(max(event_nid), 0) from events`,
    "insert into event_walks (name, event_nid, last_nid) values ('search', 0, null)",
    // The words of events, for full-text search; see storage-adapter.ts.
    'create {searchIndex}',
    // Events that have to be looked at again though the walk has passed them.
    'create table search_queue (event_nid {nid} primary key){end}',
  ],
};
