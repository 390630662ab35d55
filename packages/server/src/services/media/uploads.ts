import { isLongerThan, type UserId } from '@limpet/protocol/identifiers';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import {
  fillAwaitedMedia,
  insertAwaitedMedia,
  insertMedia,
  type MediaRow,
  selectMedia,
} from '../../storage/queries/media.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { BlobKeeper } from './blob-keeper.ts';
import { safeContentType } from './content-type.ts';
import { newMediaId, parseMediaId } from './media-id.ts';
import type { MediaWaiters } from './media-waiters.ts';

/** URIs made ahead that a user may have waiting for their content. */
const MAX_AWAITED_PER_USER = 50;
/** How long such a URI waits: what the specification recommends. */
const AWAITED_LIFETIME_MS = 24 * 3_600_000;
/** Who has too many of them may ask again after this time. */
const RETRY_AFTER_MS = 60_000;
/** Uploads under way at once; each holds a file open and some buffers. */
const MAX_UPLOADS_AT_ONCE = 200;
/** Longest file name, in bytes of UTF-8: it has to fit into a header, and none of any file system is longer. */
const MAX_FILE_NAME_BYTES = 1_024;

export interface UploadsParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'random'>;
  readonly serverName: string;
  readonly keeper: BlobKeeper;
  readonly waiters: MediaWaiters;
  /** Whether what is uploaded now may be had with authentication only. */
  readonly isFrozen: boolean;
}

export interface Upload {
  readonly userId: UserId;
  readonly content: AsyncIterable<Uint8Array>;
  readonly contentType: string | undefined;
  readonly fileName: string | undefined;
}

/** What users upload. Specification: client-server API, "Content repository". */
export class Uploads {
  readonly #parts: UploadsParts;
  #open = 0;

  constructor(parts: UploadsParts) {
    this.#parts = parts;
  }

  /** Gives the new media ID. */
  async upload(upload: Upload): Promise<string> {
    const { serverName, platform, isFrozen } = this.#parts;
    const mediaId = newMediaId(platform.random);
    const row = { ...described(upload), serverName, mediaId, userId: upload.userId, isFrozen: Number(isFrozen) };
    await this.#counted(() =>
      this.#parts.keeper.keep(upload.content, (transaction, { name: blob, sizeBytes }) => {
        const nowTs = platform.clock.nowMs();
        transaction.expect(insertMedia, { ...row, blob, sizeBytes, nowTs }, 'the media ID is new');
      }),
    );
    return mediaId;
  }

  /** A media ID whose content comes later, and when it ends without. */
  async create(userId: UserId): Promise<{ mediaId: string; expiresTs: number }> {
    const { serverName, platform, storage } = this.#parts;
    const mediaId = newMediaId(platform.random);
    const nowTs = platform.clock.nowMs();
    const expiresTs = nowTs + AWAITED_LIFETIME_MS;
    const row = { serverName, mediaId, userId, nowTs, expiresTs, limit: MAX_AWAITED_PER_USER };
    try {
      await storage.write((transaction) => transaction.expect(insertAwaitedMedia, row, 'not too many are awaited'));
    } catch (error) {
      if (!(error instanceof ExpectationFailed)) throw error;
      const text = `You have ${MAX_AWAITED_PER_USER} media IDs that wait for their content. Upload it first.`;
      throw limitExceeded(text, RETRY_AFTER_MS);
    }
    return { mediaId, expiresTs };
  }

  /** The content of a media ID that `create` gave. Whoever waits for it gets it. */
  async fill(address: { serverName: string; mediaId: string }, upload: Upload): Promise<void> {
    const { storage, platform, isFrozen, keeper, waiters } = this.#parts;
    const mediaId = parseMediaId(address.mediaId);
    const { serverName } = this.#parts;
    const isOurs = address.serverName === serverName;
    const [row] = isOurs ? await storage.read(selectMedia, { serverName, mediaId }) : [];
    checkAwaited(row, upload.userId, platform.clock.nowMs());
    const filling = { ...described(upload), serverName, mediaId, isFrozen: Number(isFrozen) };
    try {
      await this.#counted(() =>
        keeper.keep(upload.content, (transaction, { name: blob, sizeBytes }) => {
          const nowTs = platform.clock.nowMs();
          transaction.expect(fillAwaitedMedia, { ...filling, blob, sizeBytes, nowTs }, 'the media ID waits');
        }),
      );
    } catch (error) {
      throw error instanceof ExpectationFailed ? overwritten() : error;
    }
    waiters.wake(mediaId);
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#open >= MAX_UPLOADS_AT_ONCE) {
      throw limitExceeded('Too many uploads are under way. Try again in a moment.');
    }
    this.#open++;
    try {
      return await work();
    } finally {
      this.#open--;
    }
  }
}

function described({ contentType, fileName }: Upload): { contentType: string; fileName: string | null } {
  if (fileName !== undefined && isLongerThan(fileName, MAX_FILE_NAME_BYTES)) {
    throw new MatrixError('M_INVALID_PARAM', `A file name may have ${MAX_FILE_NAME_BYTES} bytes at most.`);
  }
  return { contentType: safeContentType(contentType), fileName: fileName === '' ? null : (fileName ?? null) };
}

function checkAwaited(row: MediaRow | undefined, userId: UserId, nowMs: number): void {
  if (row === undefined || (row.blob === null && row.expires_ts !== null && row.expires_ts <= nowMs)) {
    throw new MatrixError('M_NOT_FOUND', 'This media ID was not made here, or its time is over. Make a new one.');
  }
  if (row.user_id !== userId) {
    throw new MatrixError('M_FORBIDDEN', 'Another user made this media ID.');
  }
  if (row.blob !== null) throw overwritten();
}

function overwritten(): MatrixError {
  return new MatrixError('M_CANNOT_OVERWRITE_MEDIA', 'This media ID has its content already.');
}
