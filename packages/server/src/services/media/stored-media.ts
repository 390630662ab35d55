import { asBlobName, type BlobName } from '../../platform/blob-store.ts';
import type { MediaRow } from '../../storage/queries/media.ts';
import { UNKNOWN_CONTENT_TYPE } from './content-type.ts';

/** Media whose content is here. */
export interface StoredMedia {
  readonly serverName: string;
  readonly mediaId: string;
  /** False for copies of what other servers have. */
  readonly isOwn: boolean;
  readonly blob: BlobName;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly fileName: string | undefined;
  /** Whether it may be had with authentication only. */
  readonly isFrozen: boolean;
  readonly lastUsedTs: number;
}

/** `undefined` where its content was not uploaded yet. */
export function storedMediaOf(row: MediaRow): StoredMedia | undefined {
  if (row.blob === null) return undefined;
  return {
    serverName: row.server_name,
    mediaId: row.media_id,
    isOwn: row.user_id !== null,
    blob: asBlobName(row.blob),
    sizeBytes: row.size_bytes,
    contentType: row.content_type ?? UNKNOWN_CONTENT_TYPE,
    fileName: row.file_name ?? undefined,
    isFrozen: row.is_frozen === 1,
    lastUsedTs: row.last_used_ts,
  };
}
