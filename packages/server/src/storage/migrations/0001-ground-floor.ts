import type { Migration } from './migration.ts';

/**
 * The first schema. Types are named by the adapter: `{nid}` an integer key, `{bigint}` 64 bits, `{text}` text
 * compared by code point, `{bytes}` bytes; a flag is a `{bigint}` of 0 or 1. `{end}` and `{clustered}` end a table
 * (storage-adapter.ts). A `writer` and a `position` together are a place in the stream.
 */
export const groundFloor: Migration = {
  number: 1,
  name: 'ground-floor',
  statements: [
    // ---- The counter of each writer: what it has committed.
    // Here position is an upper bound of what was given out, see group-committer.ts. last_group numbers its commits,
    // holder is made by each process that becomes this writer.
    `create table writers (
      writer {bigint} primary key, position {bigint} not null, last_group {bigint} not null,
      holder {text} not null){end}`,
    // What is said of the database itself: database_tag.
    'create table meta (name {text} primary key, value {text} not null){end}',

    // ---- Accounts
    `create table users (
      user_id {text} primary key, password_hash {text}, created_ts {bigint} not null,
      is_admin {bigint} not null, is_deactivated {bigint} not null){end}`,
    `create table profile_fields (
      user_id {text} not null, field {text} not null, value_json {text} not null, primary key (user_id, field)){end}`,
    `create table devices (
      user_id {text} not null, device_id {text} not null, display_name {text}, created_ts {bigint} not null,
      last_seen_ts {bigint}, last_seen_ip {text}, primary key (user_id, device_id)){end}`,
    `create table access_tokens (
      token_hash {bytes} primary key, user_id {text} not null, device_id {text} not null,
      created_ts {bigint} not null, expires_ts {bigint}){end}`,
    'create index access_tokens_by_device on access_tokens (user_id, device_id)',
    `create table registration_tokens (
      token_hash {bytes} primary key, uses_left {bigint}, expires_ts {bigint}, grants_admin {bigint} not null){end}`,
    `create table filters (
      user_id {text} not null, filter_id {bigint} not null, json {text} not null,
      primary key (user_id, filter_id)){end}`,
    // room_id is '' for global account data.
    `create table account_data (
      user_id {text} not null, room_id {text} not null, type {text} not null, content_json {text} not null,
      writer {bigint} not null, position {bigint} not null, primary key (user_id, room_id, type)){end}`,
    'create index account_data_by_position on account_data (user_id, writer, position)',
    // What a repeated request gets back. scope names the endpoint and what of its path counts.
    `create table transaction_ids (
      user_id {text} not null, device_id {text} not null, scope {text} not null, transaction_id {text} not null,
      event_nid {bigint}, response_json {text} not null, created_ts {bigint} not null,
      primary key (user_id, device_id, scope, transaction_id)){end}`,
    'create index transaction_ids_by_event on transaction_ids (event_nid)',
    'create index transaction_ids_by_age on transaction_ids (created_ts)',

    // ---- Rooms: the event graph
    `create table rooms (
      room_nid {nid} primary key, room_id {text} not null unique, version {text} not null,
      is_listed {bigint} not null, created_ts {bigint} not null){end}`,
    // position and room_index are null for an outlier. room_index orders a room's timeline: live events count up from
    // 1, backfilled ones down from 0. state_before is the snapshot of the state before the event.
    `create table events (
      event_nid {nid} primary key, event_id {text} not null unique, room_nid {bigint} not null,
      room_index {bigint}, writer {bigint}, position {bigint},
      type {text} not null, state_key {text}, sender {text} not null, depth {bigint} not null,
      origin_server_ts {bigint} not null, received_ts {bigint} not null, state_before {bigint},
      is_rejected {bigint} not null, is_soft_failed {bigint} not null,
      has_url {bigint} not null, redacted_by {bigint}, json {text} not null){end}`,
    'create unique index events_by_room_index on events (room_nid, room_index)',
    'create index events_by_position on events (room_nid, writer, position)',
    `create table event_edges (
      event_nid {bigint} not null, prev_event_id {text} not null, primary key (event_nid, prev_event_id)){clustered}`,
    'create index event_edges_by_previous on event_edges (prev_event_id)',
    `create table forward_extremities (
      room_nid {bigint} not null, event_nid {bigint} not null, primary key (room_nid, event_nid)){clustered}`,
    `create table redactions (
      redacts_event_id {text} not null, redaction_nid {bigint} not null,
      primary key (redacts_event_id, redaction_nid)){clustered}`,

    // ---- Rooms: state. A slot is an interned (type, state_key).
    `create table state_slots (
      slot_nid {nid} primary key, type {text} not null, state_key {text} not null, unique (type, state_key)){end}`,
    // A snapshot is its parent's slots with its own entries over them. Snapshot n of a chain has the one at n minus its
    // lowest set bit as parent, so a look-up walks at most log2(n) rows and n changes take n log n entries in all.
    `create table state_snapshots (
      snapshot_nid {nid} primary key, room_nid {bigint} not null, ordinal {bigint} not null, parent_nid {bigint}){end}`,
    `create table state_snapshot_entries (
      snapshot_nid {bigint} not null, slot_nid {bigint} not null, event_nid {bigint} not null,
      primary key (snapshot_nid, slot_nid)){clustered}`,
    `create table current_state (
      room_nid {bigint} not null, slot_nid {bigint} not null, event_nid {bigint} not null,
      writer {bigint} not null, position {bigint} not null, primary key (room_nid, slot_nid)){clustered}`,
    // Every change of current_state; event_nid or previous_nid is null where the slot was or became empty.
    `create table state_changes (
      room_nid {bigint} not null, writer {bigint} not null, position {bigint} not null, slot_nid {bigint} not null,
      event_nid {bigint}, previous_nid {bigint}, primary key (room_nid, writer, position, slot_nid)){clustered}`,
    // A membership event may come to be current without being in this user's view of time (state resolution), so the
    // position is that of the change, not of the event. joined_position: when the present unbroken join began.
    `create table memberships (
      room_nid {bigint} not null, user_id {text} not null, membership {text} not null, event_nid {bigint} not null,
      sender {text} not null, is_forgotten {bigint} not null, joined_position {bigint},
      writer {bigint} not null, position {bigint} not null, primary key (room_nid, user_id)){clustered}`,
    'create index memberships_by_user on memberships (user_id, membership, room_nid)',
    'create index memberships_by_position on memberships (user_id, writer, position)',
    'create index memberships_by_kind on memberships (room_nid, membership)',
    `create table room_aliases (
      alias {text} primary key, room_id {text} not null, creator {text} not null, created_ts {bigint} not null){end}`,
    'create index room_aliases_by_room on room_aliases (room_id)',

    // ---- Sticky events. writer and position are where it became due; null while it is held back.
    `create table sticky_events (
      event_nid {nid} primary key, room_nid {bigint} not null, sender {text} not null, until_ms {bigint} not null,
      writer {bigint}, position {bigint}){end}`,
    'create index sticky_events_by_room on sticky_events (room_nid, writer, position)',
    'create index sticky_events_by_end on sticky_events (until_ms)',

    // ---- Ephemeral
    // thread_id is '' for an unthreaded receipt.
    `create table receipts (
      room_nid {bigint} not null, user_id {text} not null, receipt_type {text} not null, thread_id {text} not null,
      event_id {text} not null, room_index {bigint} not null, ts {bigint} not null,
      writer {bigint} not null, position {bigint} not null,
      primary key (room_nid, user_id, receipt_type, thread_id)){clustered}`,
    'create index receipts_by_position on receipts (room_nid, writer, position)',
    // Rooms where somebody was typing when this was written: after a restart their clients are told that nobody is.
    'create table typing_rooms (room_nid {nid} primary key){end}',

    // ---- Unread counts. What an event means to a user whose push rules are the default ones and who is not named in
    // it stands once; who differs has a row of his own.
    `create table unread_events (
      room_nid {bigint} not null, room_index {bigint} not null, event_nid {bigint} not null, sender {text} not null,
      thread_id {text} not null, notifies {bigint} not null, highlights {bigint} not null,
      primary key (room_nid, room_index)){clustered}`,
    `create table unread_exceptions (
      room_nid {bigint} not null, user_id {text} not null, room_index {bigint} not null, thread_id {text} not null,
      notifies {bigint} not null, highlights {bigint} not null,
      primary key (room_nid, user_id, room_index)){clustered}`,
    'create index unread_exceptions_by_room_index on unread_exceptions (room_nid, room_index)',
    // How far a user has read because he sent something there; thread_id is '' for the main timeline.
    `create table reads_by_sending (
      room_nid {bigint} not null, user_id {text} not null, thread_id {text} not null, room_index {bigint} not null,
      primary key (room_nid, user_id, thread_id)){clustered}`,

    // ---- Encryption
    `create table to_device_messages (
      user_id {text} not null, device_id {text} not null, writer {bigint} not null, position {bigint} not null,
      json {text} not null, primary key (user_id, device_id, writer, position)){end}`,
    `create table device_keys (
      user_id {text} not null, device_id {text} not null, json {text} not null, primary key (user_id, device_id)){end}`,
    `create table one_time_keys (
      user_id {text} not null, device_id {text} not null, algorithm {text} not null, key_id {text} not null,
      ordinal {bigint} not null, json {text} not null, primary key (user_id, device_id, algorithm, key_id)){end}`,
    `create table fallback_keys (
      user_id {text} not null, device_id {text} not null, algorithm {text} not null, key_id {text} not null,
      is_used {bigint} not null, json {text} not null, primary key (user_id, device_id, algorithm)){end}`,
    // When the devices of a user last changed.
    `create table device_list_changes (
      user_id {text} primary key, writer {bigint} not null, position {bigint} not null){end}`,
    'create index device_list_changes_by_position on device_list_changes (writer, position)',
  ],
};
