import type { Timers } from '../../platform/timers.ts';

/** Whoever waits for content that is not uploaded yet: an open request each, so their number is bounded elsewhere. */
export class MediaWaiters {
  readonly #timers: Timers;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Kept when the media ID gets its content, when the time is over, or when the signal aborts. */
  wait(mediaId: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(mediaId) ?? new Set();
      const timer = this.#timers.after(timeoutMs, end);
      this.#waiting.set(mediaId, waiting.add(end));
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
      const waiters = this.#waiting;

      function end(): void {
        if (!waiting.delete(end)) return;
        timer.cancel();
        signal.removeEventListener('abort', end);
        if (waiting.size === 0) waiters.delete(mediaId);
        resolve();
      }
    });
  }

  wake(mediaId: string): void {
    for (const end of [...(this.#waiting.get(mediaId) ?? [])]) end();
  }
}
