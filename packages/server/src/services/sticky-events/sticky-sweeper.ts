import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { deleteExpiredStickyEvents } from '../../storage/queries/sticky-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StickyRooms } from './sticky-rooms.ts';

/** How long expired rows may lie about. They are never given out; they only take room. */
const SWEEP_EVERY_MS = 30_000;
/** Rows removed in one batch: small, so that no writer waits (H2). */
const ROWS_PER_BATCH = 500;
/** Pause between two batches of one sweep. */
const PAUSE_MS = 50;

/** Removes the rows of expired sticky events, a little at a time. */
export class StickySweeper {
  readonly #platform: Platform;
  readonly #storage: Storage;
  readonly #rooms: StickyRooms;
  #timer: Timer | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(platform: Platform, storage: Storage, rooms: StickyRooms) {
    this.#platform = platform;
    this.#storage = storage;
    this.#rooms = rooms;
  }

  start(): void {
    this.#wait(SWEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    await this.#running;
  }

  /** One batch; tells whether there may be more. */
  async sweepOnce(): Promise<boolean> {
    const nowMs = this.#platform.clock.nowMs();
    this.#rooms.forgetExpired(nowMs);
    const committed = await this.#storage.write((transaction) =>
      transaction.fetch(deleteExpiredStickyEvents, { nowMs, limit: ROWS_PER_BATCH }),
    );
    return committed.rows(committed.value).length === ROWS_PER_BATCH;
  }

  #wait(delayMs: number): void {
    this.#timer = this.#platform.timers.after(delayMs, () => {
      this.#running = this.#sweep();
    });
  }

  async #sweep(): Promise<void> {
    let more = false;
    try {
      more = await this.sweepOnce();
    } catch (error) {
      this.#platform.log.warn('Expired sticky events could not be removed; trying again later', { error });
    }
    if (this.#timer !== undefined) this.#wait(more ? PAUSE_MS : SWEEP_EVERY_MS);
  }
}
