import type { Migration } from './migration.ts';

/** What was uploaded, and what was fetched from other servers. */
export const media: Migration = {
  number: 7,
  name: 'media',
  statements: [
    // user_id is who uploaded it, null for copies from other servers. blob is null while nothing was uploaded to a
    // URI that was made ahead; expires_ts is when that URI ends. is_frozen: nobody may have it without authentication.
    `create table media (
      server_name {text} not null, media_id {text} not null, user_id {text}, blob {text}, size_bytes {bigint} not null,
      content_type {text}, file_name {text}, created_ts {bigint} not null, expires_ts {bigint},
      last_used_ts {bigint} not null, is_frozen {bigint} not null, primary key (server_name, media_id)){end}`,
    'create index media_awaited on media (user_id, expires_ts) where blob is null',
    'create index media_awaited_by_end on media (expires_ts) where blob is null',
    'create index media_copies_by_use on media (last_used_ts) where user_id is null',
    // blob is null where the original is small enough to be its own thumbnail.
    `create table media_thumbnails (
      server_name {text} not null, media_id {text} not null, width {bigint} not null, height {bigint} not null,
      method {text} not null, is_animated {bigint} not null, blob {text}, size_bytes {bigint} not null,
      content_type {text} not null, made_ts {bigint} not null,
      primary key (server_name, media_id, width, height, method, is_animated)){clustered}`,
    // Blobs that no row has: being written, or to be removed. Written before the blob, so that none is ever lost.
    'create table unowned_blobs (blob {text} primary key, noted_ts {bigint} not null){end}',
  ],
};
