import { defineStatement } from '../statement.ts';

export interface MediaRow {
  readonly server_name: string;
  readonly media_id: string;
  readonly user_id: string | null;
  readonly blob: string | null;
  readonly size_bytes: number;
  readonly content_type: string | null;
  readonly file_name: string | null;
  readonly expires_ts: number | null;
  readonly last_used_ts: number;
  readonly is_frozen: number;
}

export const selectMedia = defineStatement<{ serverName: string; mediaId: string }, MediaRow>(
  `select server_name, media_id, user_id, blob, size_bytes, content_type, file_name, expires_ts, last_used_ts, is_frozen
   from media where server_name = :serverName and media_id = :mediaId`,
);

/** Changes nothing where the row is there: to be run with `expect`. */
export const insertMedia = defineStatement<{
  serverName: string;
  mediaId: string;
  userId: string | null;
  blob: string;
  sizeBytes: number;
  contentType: string;
  fileName: string | null;
  nowTs: number;
  isFrozen: number;
}>(
  `insert into media (server_name, media_id, user_id, blob, size_bytes, content_type, file_name, created_ts, expires_ts,
     last_used_ts, is_frozen)
   values (:serverName, :mediaId, :userId, :blob, :sizeBytes, :contentType, :fileName, :nowTs, null, :nowTs, :isFrozen)
   on conflict (server_name, media_id) do nothing`,
);

/** A URI made ahead. Changes nothing where the user has `limit` of them that still wait: to be run with `expect`. */
export const insertAwaitedMedia = defineStatement<{
  serverName: string;
  mediaId: string;
  userId: string;
  nowTs: number;
  expiresTs: number;
  limit: number;
}>(
  `insert into media (server_name, media_id, user_id, blob, size_bytes, content_type, file_name, created_ts, expires_ts,
     last_used_ts, is_frozen)
   select :serverName, :mediaId, :userId, null, 0, null, null, cast(:nowTs as bigint), cast(:expiresTs as bigint),
     cast(:nowTs as bigint), 1
   where (select count(*) from media where user_id = :userId and blob is null and expires_ts > :nowTs) < :limit`,
);

/** Gives an awaited URI its content. Changes nothing where it has some, or was removed: to be run with `expect`. */
export const fillAwaitedMedia = defineStatement<{
  serverName: string;
  mediaId: string;
  blob: string;
  sizeBytes: number;
  contentType: string;
  fileName: string | null;
  nowTs: number;
  isFrozen: number;
}>(
  `update media set blob = :blob, size_bytes = :sizeBytes, content_type = :contentType, file_name = :fileName,
     expires_ts = null, last_used_ts = :nowTs, is_frozen = :isFrozen
   where server_name = :serverName and media_id = :mediaId and blob is null`,
);

export const deleteEndedAwaitedMedia = defineStatement<{ nowTs: number; limit: number }, { media_id: string }>(
  `delete from media where (server_name, media_id) in
   (select server_name, media_id from media where blob is null and expires_ts < :nowTs
    order by expires_ts limit :limit)
   returning media_id`,
);

export const touchMedia = defineStatement<{ serverName: string; mediaId: string; nowTs: number }>(
  'update media set last_used_ts = :nowTs where server_name = :serverName and media_id = :mediaId',
);

/**
 * The four steps that remove copies nobody used since `before`, `limit` at most, to be run in this order in one batch:
 * each finds the same rows, as the rows themselves go last.
 */
const OLD_COPIES = `select server_name, media_id from media where user_id is null and last_used_ts < :before
   order by last_used_ts, server_name, media_id limit :limit`;

interface OldCopies {
  readonly before: number;
  readonly limit: number;
  readonly [name: string]: number;
}

export const disownThumbnailsOfOldCopies = defineStatement<OldCopies & { nowTs: number }>(
  `insert into unowned_blobs (blob, noted_ts)
   select blob, cast(:nowTs as bigint) from media_thumbnails
   where blob is not null and (server_name, media_id) in (${OLD_COPIES})`,
);

export const disownOldCopies = defineStatement<OldCopies & { nowTs: number }>(
  `insert into unowned_blobs (blob, noted_ts)
   select blob, cast(:nowTs as bigint) from media
   where blob is not null and (server_name, media_id) in (${OLD_COPIES})`,
);

export const deleteThumbnailsOfOldCopies = defineStatement<OldCopies>(
  `delete from media_thumbnails where (server_name, media_id) in (${OLD_COPIES})`,
);

export const deleteOldCopies = defineStatement<OldCopies, { media_id: string }>(
  `delete from media where (server_name, media_id) in (${OLD_COPIES}) returning media_id`,
);
