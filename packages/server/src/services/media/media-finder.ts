import { parseServerName } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import { type MediaRow, selectMedia, touchMedia } from '../../storage/queries/media.ts';
import type { Storage } from '../../storage/storage.ts';
import { parseMediaId } from './media-id.ts';
import type { MediaWaiters } from './media-waiters.ts';
import type { RemoteMedia } from './remote-media.ts';
import { type StoredMedia, storedMediaOf } from './stored-media.ts';

/** Longest wait for content that was not uploaded yet, whatever is asked for. */
const MAX_TIMEOUT_MS = 60_000;
/** How exactly it is known when a copy was last used. */
const TOUCH_EVERY_MS = 3_600_000;
/** Copies whose use was noted of late. */
const MAX_TOUCHED = 10_000;

export interface MediaFinderParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'log'>;
  readonly serverName: string;
  readonly waiters: MediaWaiters;
  readonly remote: RemoteMedia;
}

export interface MediaRequest {
  readonly serverName: string;
  readonly mediaId: string;
  /** How long to wait for content that was not uploaded yet. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** Called before another server is asked: throws where whoever asks has asked too often. Without it, none is. */
  readonly beforeFetch?: () => void;
}

/** Finds media by its address: here, or at the server that has it. */
export class MediaFinder {
  readonly #parts: MediaFinderParts;
  readonly #touched = createCache<string, number>(MAX_TOUCHED);

  constructor(parts: MediaFinderParts) {
    this.#parts = parts;
  }

  /**
   * Throws M_NOT_FOUND, M_NOT_YET_UPLOADED (504) and, where another server failed us, an error of status 502.
   * Specification: client-server API, "Content repository".
   */
  async find(request: MediaRequest): Promise<StoredMedia> {
    const address = { serverName: parseServerName(request.serverName), mediaId: parseMediaId(request.mediaId) };
    const timeoutMs = Math.min(request.timeoutMs, MAX_TIMEOUT_MS);
    if (address.serverName === this.#parts.serverName) return this.#findOwn(address, { ...request, timeoutMs });
    const row = await this.#row(address);
    const copy = row && storedMediaOf(row);
    if (copy !== undefined) {
      this.#touch(copy);
      return copy;
    }
    if (request.beforeFetch === undefined) throw notFound();
    return this.#parts.remote.copyOf(address, { timeoutMs, beforeFetch: request.beforeFetch });
  }

  async #findOwn(address: Address, { timeoutMs, signal }: MediaRequest): Promise<StoredMedia> {
    const found = this.#ownOf(await this.#row(address));
    if (found !== undefined) return found;
    const woken = this.#parts.waiters.wait(address.mediaId, timeoutMs, signal);
    // Once more, as it may have come before the wait began.
    const early = this.#ownOf(await this.#row(address));
    if (early !== undefined) return early;
    await woken;
    const late = this.#ownOf(await this.#row(address));
    if (late !== undefined) return late;
    throw new MatrixError('M_NOT_YET_UPLOADED', 'The content was not uploaded yet. Try again later.');
  }

  /** `undefined` while its content may still come. */
  #ownOf(row: MediaRow | undefined): StoredMedia | undefined {
    if (row === undefined) throw notFound();
    const isOver = row.blob === null && (row.expires_ts ?? 0) <= this.#parts.platform.clock.nowMs();
    if (isOver) throw notFound();
    return storedMediaOf(row);
  }

  async #row(address: Address): Promise<MediaRow | undefined> {
    const [row] = await this.#parts.storage.read(selectMedia, address);
    return row;
  }

  /** Copies that nobody uses any more are removed, so their use is noted. Nobody waits for that. */
  #touch({ serverName, mediaId, lastUsedTs }: StoredMedia): void {
    const { storage, platform } = this.#parts;
    const nowTs = platform.clock.nowMs();
    const key = `${serverName}/${mediaId}`;
    if (nowTs - (this.#touched.get(key) ?? lastUsedTs) < TOUCH_EVERY_MS) return;
    this.#touched.set(key, nowTs);
    storage
      .write((transaction) => transaction.run(touchMedia, { serverName, mediaId, nowTs }))
      .catch((error: unknown) => platform.log.warn('The use of a copy of media could not be noted', { error }));
  }
}

type Address = { readonly serverName: string; readonly mediaId: string };

function notFound(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'There is no such media.');
}
