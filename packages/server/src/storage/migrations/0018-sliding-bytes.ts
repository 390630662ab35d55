import type { Migration } from './migration.ts';

/** What the connections of sliding sync take is counted, since it is bounded by user. */
export const slidingBytes: Migration = {
  number: 18,
  name: 'sliding-bytes',
  statements: [
    'alter table sliding_connections add column bytes {bigint} not null default 0',
    `update sliding_connections set bytes = coalesce((select sum(length(json)) from sliding_versions
     where sliding_versions.connection_nid = sliding_connections.connection_nid), 0)`,
  ],
};
