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
  ],
};
