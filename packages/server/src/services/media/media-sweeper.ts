import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import {
  deleteEndedAwaitedMedia,
  deleteOldCopies,
  deleteThumbnailsOfOldCopies,
  disownOldCopies,
  disownThumbnailsOfOldCopies,
} from '../../storage/queries/media.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import type { BlobKeeper } from './blob-keeper.ts';

const AWAITED_EVERY_MS = 600_000;
const COPIES_EVERY_MS = 3_600_000;
const BLOBS_EVERY_MS = 300_000;
const DAY_MS = 24 * 3_600_000;

export interface MediaSweeperParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly keeper: BlobKeeper;
  /** How long copies of other servers' media stay without being used; 0 is for ever. */
  readonly copyDays: number;
}

/** Removes media that nobody needs, and blobs that nobody has: at the start what a crash left, then now and again. */
export class MediaSweeper {
  readonly #parts: MediaSweeperParts;
  readonly #rows: readonly RowSweeper[];
  #timer: Timer | undefined;
  #isStopping = false;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: MediaSweeperParts) {
    this.#parts = parts;
    this.#rows = [awaitedSweeper(parts), ...(parts.copyDays === 0 ? [] : [copySweeper(parts)])];
  }

  start(): void {
    for (const sweeper of this.#rows) sweeper.start();
    this.#wait(0);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    await Promise.all(this.#rows.map((sweeper) => sweeper.stop()));
    await this.#running;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#parts.platform.timers.after(delayMs, () => {
      this.#running = this.#sweepBlobs();
    });
  }

  async #sweepBlobs(): Promise<void> {
    const { keeper, platform } = this.#parts;
    try {
      await keeper.sweep(() => this.#isStopping);
    } catch (error) {
      platform.log.warn('Blobs that belong to nobody could not be removed; trying again later', { error });
    }
    if (!this.#isStopping) this.#wait(BLOBS_EVERY_MS);
  }
}

function awaitedSweeper({ platform, storage }: MediaSweeperParts): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'media IDs that got no content',
    everyMs: AWAITED_EVERY_MS,
    remove: (transaction, nowTs, limit) => transaction.fetch(deleteEndedAwaitedMedia, { nowTs, limit }),
  });
}

function copySweeper({ platform, storage, copyDays }: MediaSweeperParts): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'copies of media that nobody uses',
    everyMs: COPIES_EVERY_MS,
    remove(transaction, nowTs, limit) {
      const old = { before: nowTs - copyDays * DAY_MS, limit };
      transaction.run(disownThumbnailsOfOldCopies, { ...old, nowTs });
      transaction.run(disownOldCopies, { ...old, nowTs });
      transaction.run(deleteThumbnailsOfOldCopies, old);
      return transaction.fetch(deleteOldCopies, old);
    },
  });
}
