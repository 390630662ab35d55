import { defineStatement } from '../statement.ts';

export interface ThumbnailRow {
  readonly blob: string | null;
  readonly size_bytes: number;
  readonly content_type: string;
}

export type ThumbnailKey = {
  readonly serverName: string;
  readonly mediaId: string;
  readonly width: number;
  readonly height: number;
  readonly method: string;
  readonly isAnimated: number;
};

export const selectThumbnail = defineStatement<ThumbnailKey, ThumbnailRow>(
  `select blob, size_bytes, content_type from media_thumbnails
   where server_name = :serverName and media_id = :mediaId and width = :width and height = :height
     and method = :method and is_animated = :isAnimated`,
);

/** Changes nothing where it is there, or its media is not any more: to be run with `expect`. */
export const insertThumbnail = defineStatement<
  ThumbnailKey & { blob: string | null; sizeBytes: number; contentType: string; nowTs: number }
>(
  `insert into media_thumbnails (server_name, media_id, width, height, method, is_animated, blob, size_bytes,
     content_type, made_ts)
   select server_name, media_id, cast(:width as bigint), cast(:height as bigint), :method, cast(:isAnimated as bigint),
     :blob, cast(:sizeBytes as bigint), :contentType, cast(:nowTs as bigint)
   from media where server_name = :serverName and media_id = :mediaId
   on conflict (server_name, media_id, width, height, method, is_animated) do nothing`,
);

/** Those of one media beyond the newest `kept`, oldest ones: their blobs first, then their rows, in one batch. */
const SURPLUS = `select width, height, method, is_animated from media_thumbnails
   where server_name = :serverName and media_id = :mediaId
   order by made_ts desc, width desc, height desc, method, is_animated limit 1000 offset :kept`;

type Surplus = { readonly serverName: string; readonly mediaId: string; readonly kept: number };

export const disownSurplusThumbnails = defineStatement<Surplus & { nowTs: number }>(
  `insert into unowned_blobs (blob, noted_ts)
   select blob, cast(:nowTs as bigint) from media_thumbnails
   where server_name = :serverName and media_id = :mediaId and blob is not null
     and (width, height, method, is_animated) in (${SURPLUS})`,
);

export const deleteSurplusThumbnails = defineStatement<Surplus>(
  `delete from media_thumbnails where server_name = :serverName and media_id = :mediaId
     and (width, height, method, is_animated) in (${SURPLUS})`,
);
