import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import { asBlobName, type BlobName, type BlobStore } from '../../platform/blob-store.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  deleteSurplusThumbnails,
  disownSurplusThumbnails,
  insertThumbnail,
  selectThumbnail,
  type ThumbnailKey,
  type ThumbnailRow,
} from '../../storage/queries/media-thumbnails.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { BlobKeeper } from './blob-keeper.ts';
import { makeThumbnail } from './make-thumbnail.ts';
import { PICTURE_HEAD_BYTES, type PictureFormat, pictureFormat } from './picture-format.ts';
import { SingleFlight } from './single-flight.ts';
import type { StoredMedia } from './stored-media.ts';
import { type ThumbnailSize, thumbnailSize } from './thumbnail-size.ts';
import { WorkLimit } from './work-limit.ts';

/** Largest file that a thumbnail is made of: all of it is in memory meanwhile. */
const MAX_SOURCE_BYTES = 25 * 1_048_576;
/** Thumbnails that are made at once, and those that wait for their turn. */
const MAX_MADE_AT_ONCE = 2;
const MAX_WAITING = 100;
/** Thumbnails kept of one media; the oldest go first. A client asks for two or three sizes. */
const MAX_KEPT_OF_ONE = 24;
/** Media of which no thumbnail can be made, remembered so that nobody makes us try again and again. */
const MAX_REFUSED = 10_000;

export interface ThumbnailsParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock'>;
  readonly blobStore: BlobStore;
  readonly keeper: BlobKeeper;
}

export interface Thumbnail {
  readonly blob: BlobName;
  readonly sizeBytes: number;
  readonly contentType: string;
}

/** Pictures in small, made when somebody asks and then kept. */
export class Thumbnails {
  readonly #parts: ThumbnailsParts;
  readonly #making = new SingleFlight<Thumbnail>();
  readonly #limit = new WorkLimit(MAX_MADE_AT_ONCE, MAX_WAITING);
  readonly #refused = createCache<string, MatrixError>(MAX_REFUSED);

  constructor(parts: ThumbnailsParts) {
    this.#parts = parts;
  }

  /** Throws M_UNKNOWN where none can be made, and M_TOO_LARGE (502 where another server has the picture). */
  async of(media: StoredMedia, wish: ThumbnailSize & { readonly isAnimated: boolean }): Promise<Thumbnail> {
    const { serverName, mediaId } = media;
    const key = { serverName, mediaId, ...thumbnailSize(wish), isAnimated: Number(wish.isAnimated) };
    const kept = await this.#kept(media, key);
    if (kept !== undefined) return kept;
    const refusal = this.#refused.get(media.blob);
    if (refusal !== undefined) throw refusal;
    return this.#making.run(Object.values(key).join(' '), {
      find: () => this.#kept(media, key),
      make: () => this.#limit.run(() => this.#make(media, key), tooMany),
    });
  }

  async #kept(media: StoredMedia, key: ThumbnailKey): Promise<Thumbnail | undefined> {
    const [row] = await this.#parts.storage.read(selectThumbnail, key);
    return row && thumbnailOf(media, row);
  }

  async #make(media: StoredMedia, key: ThumbnailKey & ThumbnailSize): Promise<Thumbnail> {
    try {
      const { format, content } = await this.#source(media);
      const made = await makeThumbnail(content, format, { ...key, isAnimated: key.isAnimated === 1 });
      return await this.#keep(media, key, made);
    } catch (error) {
      // A copy of another server's picture may be removed meanwhile.
      if (error instanceof ExpectationFailed) throw new MatrixError('M_NOT_FOUND', 'There is no such media.');
      if (!(error instanceof MatrixError)) throw error;
      const isForeign = error.errcode === 'M_TOO_LARGE' && !media.isOwn;
      const refusal = isForeign ? new MatrixError('M_TOO_LARGE', error.message, { status: 502 }) : error;
      this.#refused.set(media.blob, refusal);
      throw refusal;
    }
  }

  /** Looks at the beginning first: what is no picture is not read. */
  async #source({ blob, sizeBytes }: StoredMedia): Promise<{ format: PictureFormat; content: Uint8Array }> {
    const stored = await this.#parts.blobStore.get(blob);
    if (stored === undefined) throw new Error(`The blob ${blob} is missing`);
    const pieces: Uint8Array[] = [];
    let format: PictureFormat | undefined;
    for await (const piece of stored.read()) {
      pieces.push(piece);
      format ??= pictureFormat(piece.length < PICTURE_HEAD_BYTES ? Buffer.concat(pieces) : piece);
      if (format === undefined) break;
      if (sizeBytes > MAX_SOURCE_BYTES) {
        const megabytes = MAX_SOURCE_BYTES / 1_048_576;
        throw new MatrixError('M_TOO_LARGE', `Thumbnails are made of pictures of up to ${megabytes} MiB.`);
      }
    }
    if (format === undefined) {
      throw new MatrixError('M_UNKNOWN', 'Thumbnails are made of JPEG, PNG, GIF, WebP and AVIF only.');
    }
    return { format, content: Buffer.concat(pieces) };
  }

  async #keep(
    media: StoredMedia,
    key: ThumbnailKey,
    { contentType, bytes }: { contentType: string; bytes: Uint8Array | undefined },
  ): Promise<Thumbnail> {
    const { storage, keeper, platform } = this.#parts;
    const nowTs = platform.clock.nowMs();
    const record = (transaction: WriteTransaction, blob: string | null, sizeBytes: number) => {
      const row = { ...onlyKey(key), blob, sizeBytes, contentType, nowTs };
      transaction.expect(insertThumbnail, row, 'the thumbnail is new and its media is there');
      const surplus = { serverName: key.serverName, mediaId: key.mediaId, kept: MAX_KEPT_OF_ONE };
      transaction.run(disownSurplusThumbnails, { ...surplus, nowTs });
      transaction.run(deleteSurplusThumbnails, surplus);
    };
    if (bytes === undefined) {
      await storage.write((transaction) => record(transaction, null, 0));
      return { blob: media.blob, sizeBytes: media.sizeBytes, contentType };
    }
    const kept = await keeper.keep(once(bytes), (transaction, blob) => record(transaction, blob.name, blob.sizeBytes));
    return { blob: kept.name, sizeBytes: kept.sizeBytes, contentType };
  }
}

function thumbnailOf(media: StoredMedia, row: ThumbnailRow): Thumbnail {
  return row.blob === null
    ? { blob: media.blob, sizeBytes: media.sizeBytes, contentType: row.content_type }
    : { blob: asBlobName(row.blob), sizeBytes: row.size_bytes, contentType: row.content_type };
}

/** Parameters of a statement have to be those it names. */
function onlyKey({ serverName, mediaId, width, height, method, isAnimated }: ThumbnailKey): ThumbnailKey {
  return { serverName, mediaId, width, height, method, isAnimated };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function tooMany(): MatrixError {
  return limitExceeded('Too many thumbnails are being made. Try again in a moment.');
}
