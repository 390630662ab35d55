import type { Timer } from '../../platform/timers.ts';

/** Remembers a wake-up that comes while nobody waits. */
export class WakeUp {
  #isDue = false;
  #resolve: (() => void) | undefined;

  now(): void {
    this.#isDue = true;
    this.#resolve?.();
  }

  /** Kept at the next wake-up, or the one that came meanwhile; the timer ends with it. */
  async next(timer: Timer): Promise<void> {
    if (!this.#isDue) {
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    }
    timer.cancel();
    this.#isDue = false;
    this.#resolve = undefined;
  }
}
