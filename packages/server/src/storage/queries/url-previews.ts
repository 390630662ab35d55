import { defineStatement } from '../statement.ts';

/** One that is not out of date. `json` is null where nothing could be had. */
export const selectUrlPreview = defineStatement<{ urlHash: Uint8Array; nowMs: number }, { json: string | null }>(
  'select json from url_previews where url_hash = :urlHash and expires_ts > :nowMs',
);

export const upsertUrlPreview = defineStatement<{
  urlHash: Uint8Array;
  json: string | null;
  fetchedTs: number;
  expiresTs: number;
}>(
  `insert into url_previews (url_hash, json, fetched_ts, expires_ts) values (:urlHash, :json, :fetchedTs, :expiresTs)
   on conflict (url_hash) do update set
     json = excluded.json, fetched_ts = excluded.fetched_ts, expires_ts = excluded.expires_ts`,
);

export const deleteEndedUrlPreviews = defineStatement<{ nowMs: number; limit: number }, { url_hash: Uint8Array }>(
  `delete from url_previews where url_hash in
     (select url_hash from url_previews where expires_ts <= :nowMs order by expires_ts limit :limit)
   returning url_hash`,
);
