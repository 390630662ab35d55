import type { Platform } from '../platform/platform.ts';
import type { Timer } from '../platform/timers.ts';
import type { RowsToCome, Storage, WriteTransaction } from './storage.ts';

/** Rows removed in one batch: small, so that no writer waits (H2). */
const ROWS_PER_BATCH = 500;
/** Pause between two batches of one sweep. */
const PAUSE_MS = 50;

export interface RowSweeperOptions {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
  readonly storage: Storage;
  /** What is removed, for the log. */
  readonly rows: string;
  /** From the start, or the end of a sweep, to the next one. */
  readonly everyMs: number;
  /** Removes so many, at most, of the rows that nobody needs at this instant of the wall clock; gives those removed. */
  readonly remove: (transaction: WriteTransaction, nowMs: number, limit: number) => RowsToCome<unknown>;
}

/** Removes rows whose time is over, a little at a time. */
export class RowSweeper {
  readonly #options: RowSweeperOptions;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: RowSweeperOptions) {
    this.#options = options;
  }

  start(): void {
    this.#wait(this.#options.everyMs);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#options.platform.timers.after(delayMs, () => {
      this.#running = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    const { platform, storage, rows, everyMs, remove } = this.#options;
    let isMore = false;
    try {
      const nowMs = platform.clock.nowMs();
      const committed = await storage.write((transaction) => remove(transaction, nowMs, ROWS_PER_BATCH));
      isMore = committed.rows(committed.value).length === ROWS_PER_BATCH;
    } catch (error) {
      platform.log.warn('Old rows could not be removed; trying again later', { rows, error });
    }
    if (this.#timer !== undefined) this.#wait(isMore ? PAUSE_MS : everyMs);
  }
}
