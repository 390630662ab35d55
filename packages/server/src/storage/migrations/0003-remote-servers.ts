import type { Migration } from './migration.ts';

/** Keys of other servers. */
export const remoteServers: Migration = {
  number: 3,
  name: 'remote-servers',
  statements: [
    // One row a server: all of its keys that were ever seen (bounded), and its last answer as it signed it, which a
    // notary passes on. Events of a server that is gone are checked with what stands here.
    `create table server_keys (
      server_name {text} primary key, keys_json {text} not null, response_json {text} not null,
      fetched_ts {bigint} not null, valid_until_ts {bigint} not null){end}`,
  ],
};
