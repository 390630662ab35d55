import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import type { Clock } from '../../platform/clock.ts';

/** Who could not be reached is left alone for this long; twice as long after each further failure. */
const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 60_000;
/** Servers whose failures are remembered. */
const MAX_SERVERS = 10_000;

interface Failure {
  readonly reason: string;
  readonly count: number;
  readonly untilMs: number;
}

/**
 * Servers that could not be reached a moment ago: whoever needs something of them hears so at once, instead of waiting
 * for the same failure again. The sender keeps times of its own.
 */
export class RecentFailures {
  readonly #clock: Clock;
  readonly #failures: LRUCache<string, Failure> = createCache(MAX_SERVERS);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why the server is not to be asked now. */
  reasonToWait(serverName: string): string | undefined {
    const failure = this.#failures.get(serverName);
    return failure !== undefined && this.#clock.monotonicMs() < failure.untilMs ? failure.reason : undefined;
  }

  /** Many requests that fail together are one failure. */
  add(serverName: string, reason: string): void {
    if (this.reasonToWait(serverName) !== undefined) {
      return;
    }
    const count = (this.#failures.get(serverName)?.count ?? 0) + 1;
    const pauseMs = Math.min(MIN_PAUSE_MS * 2 ** (count - 1), MAX_PAUSE_MS);
    this.#failures.set(serverName, { reason, count, untilMs: this.#clock.monotonicMs() + pauseMs });
  }

  /** Says whether there was one. */
  forget(serverName: string): boolean {
    return this.#failures.delete(serverName);
  }
}
