import type { Migration } from './migration.ts';

/** What waits for other servers. */
export const outgoingFederation: Migration = {
  number: 4,
  name: 'outgoing-federation',
  statements: [
    // EDUs that must arrive, each until the server it is for has it. A new one with the same replaces_key takes the
    // place of the old one. writer and position are those of its change, and tell the order in which they go out.
    `create table outgoing_edus (
      writer {bigint} not null, position {bigint} not null, server_name {text} not null, edu_type {text} not null,
      replaces_key {text}, queued_ts {bigint} not null, json {text} not null, primary key (writer, position)){end}`,
    'create index outgoing_edus_by_server on outgoing_edus (server_name, writer, position)',
    `create index outgoing_edus_by_key on outgoing_edus (server_name, edu_type, replaces_key)
     where replaces_key is not null`,
    'create index outgoing_edus_by_age on outgoing_edus (queued_ts)',
    // The newest event of each room that this server has to tell others.
    `create table room_outgoing (
      room_nid {nid} primary key, event_nid {bigint} not null, writer {bigint} not null,
      position {bigint} not null){end}`,
    // Up to here every other server has what is for it, but those that are behind: they have a row that says so.
    'create table told_everybody (writer {nid} primary key, position {bigint} not null){end}',
    // Other servers that were told something. One that is behind has the last event of each of its rooms up to
    // event_position; its sticky events are ranked by where they became due to it (the later of the event's position
    // and that of its own joining), then by their own position, and it has them up to this rank. Positions are those
    // of the one writer. next_try_ms is of a server that is behind.
    `create table destinations (
      server_name {text} primary key, is_behind {bigint} not null, event_position {bigint} not null,
      sticky_effective {bigint} not null, sticky_due {bigint} not null, failures {bigint} not null,
      tried_ms {bigint} not null, next_try_ms {bigint} not null, last_success_ms {bigint},
      last_error {text}, last_error_ms {bigint}){end}`,
    'create index destinations_by_next_try on destinations (is_behind, next_try_ms)',
    'create index room_servers_by_position on room_servers (position, server_name)',
    // What erased users wrote is given to nobody who did not have it.
    'alter table users add column is_erased {bigint} not null default 0',
  ],
};
