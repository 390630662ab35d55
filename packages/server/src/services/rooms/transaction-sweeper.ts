import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { deleteOldTransactionIds } from '../../storage/queries/transaction-ids.ts';
import type { Storage } from '../../storage/storage.ts';

/** How long a repeated transaction ID gives back its event. A client that was away repeats what it had no answer to. */
export const TRANSACTION_LIFETIME_MS = 24 * 3_600_000;
const SWEEP_EVERY_MS = 600_000;
/** Rows removed in one batch: small, so that no writer waits. */
const ROWS_PER_BATCH = 500;
/** Pause between two batches of one sweep. */
const PAUSE_MS = 50;

/** Forgets the transaction IDs of long ago, a little at a time. */
export class TransactionSweeper {
  readonly #platform: Platform;
  readonly #storage: Storage;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(platform: Platform, storage: Storage) {
    this.#platform = platform;
    this.#storage = storage;
  }

  start(): void {
    this.#wait(SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#platform.timers.after(delayMs, () => {
      this.#running = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    let more = false;
    try {
      const before = this.#platform.clock.nowMs() - TRANSACTION_LIFETIME_MS;
      const committed = await this.#storage.write((transaction) =>
        transaction.fetch(deleteOldTransactionIds, { before, limit: ROWS_PER_BATCH }),
      );
      more = committed.rows(committed.value).length === ROWS_PER_BATCH;
    } catch (error) {
      this.#platform.log.warn('Old transaction IDs could not be removed; trying again later', { error });
    }
    if (this.#timer !== undefined) this.#wait(more ? PAUSE_MS : SWEEP_EVERY_MS);
  }
}
