import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { type DestinationRow, selectDueDestinations, selectNextTry } from '../../storage/queries/destinations.ts';
import type { Storage } from '../../storage/storage.ts';
import { MAX_RETRY_MS } from './retry-time.ts';

/** Servers that catch up, or fail to, at once, because their time has come. */
const MAX_AT_ONCE = 100;
/** The clock is looked at again after this long, since it may have been set. */
const MAX_WAIT_MS = 60_000;
/** Whatever the clock, two looks at the table are this far apart at least. */
const MIN_WAIT_MS = 100;
/** When the table could not be read. */
const FAILED_READ_WAIT_MS = 5_000;

export interface RetryScheduleParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
  /** How many are under way, and how many of them are catching up. */
  readonly count: () => { readonly underWay: number; readonly catchingUp: number };
  readonly isUnderWay: (serverName: string) => boolean;
  /** Its time has come. */
  readonly onDue: (row: DestinationRow) => void;
}

/**
 * Wakes servers that back off when their time comes. However many there are, there is one timer, and their times
 * stand in the table alone.
 */
export class RetrySchedule {
  readonly #parts: RetryScheduleParts;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #isToLookAgain = false;
  /** Some may be due that there was no room for. */
  #isFull = false;
  #isStopped = false;

  /** `look` starts it. */
  constructor(parts: RetryScheduleParts) {
    this.#parts = parts;
  }

  /** A server is to be tried at this time. Its row is written. */
  note(atMs: number): void {
    if (atMs < this.#timerAtMs) this.#waitUntil(atMs);
  }

  /** One that was under way is not any more: there may be room for one that had to wait. */
  noteFree(): void {
    if (this.#isFull) this.look();
  }

  /** Looks for those whose time has come; when one has ended, too, for there is room for another. */
  look(): void {
    if (this.#isStopped) return;
    if (this.#looking !== undefined) {
      this.#isToLookAgain = true;
      return;
    }
    this.#looking = this.#lookNow().finally(() => {
      this.#looking = undefined;
      if (!this.#isToLookAgain) return;
      this.#isToLookAgain = false;
      this.look();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#looking;
  }

  async #lookNow(): Promise<void> {
    const { storage, platform, isUnderWay, onDue } = this.#parts;
    const { underWay, catchingUp } = this.#parts.count();
    const nowMs = platform.clock.nowMs();
    this.#isFull = false;
    let free = MAX_AT_ONCE - catchingUp;
    try {
      if (free > 0) {
        // The rows of those under way are as they were, so as many more are read.
        const page = { nowMs, impossibleMs: nowMs + 2 * MAX_RETRY_MS, limit: MAX_AT_ONCE + underWay };
        for (const row of await storage.read(selectDueDestinations, page)) {
          if (this.#isStopped || free <= 0) break;
          if (isUnderWay(row.server_name)) continue;
          free--;
          onDue(row);
        }
      }
      const [next] = await storage.read(selectNextTry, { nowMs });
      this.#isFull = free <= 0;
      // Where there was no room for all, whoever ends looks again.
      this.#waitUntil(next?.next_try_ms ?? Number.POSITIVE_INFINITY);
    } catch (error) {
      platform.log.warn('Servers to be tried again could not be looked up; trying later', { error });
      this.#waitUntil(platform.clock.nowMs() + FAILED_READ_WAIT_MS);
    }
  }

  #waitUntil(atMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    if (this.#isStopped || atMs === Number.POSITIVE_INFINITY) return;
    const { clock, timers } = this.#parts.platform;
    const delayMs = Math.min(Math.max(atMs - clock.nowMs(), MIN_WAIT_MS), MAX_WAIT_MS);
    this.#timerAtMs = atMs;
    this.#timer = timers.after(delayMs, () => {
      this.#timer = undefined;
      this.#timerAtMs = Number.POSITIVE_INFINITY;
      this.look();
    });
  }
}
