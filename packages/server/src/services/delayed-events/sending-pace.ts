import { createCache } from '../../cache/create-cache.ts';

/** Users whose pace is known. */
const MAX_USERS = 20_000;

/** How fast one user's delayed events go out (G5); what comes faster waits, and is never refused. */
export interface Pace {
  /** So many at once. */
  readonly burst: number;
  /** And so many a second from then on. */
  readonly perSecond: number;
}

/** Spaces out what many delayed events of one user, due at the same time, would send at once. */
export class SendingPace {
  readonly #pace: Pace;
  /** When the user's next one would go out if there were no burst, on the monotonic clock. */
  readonly #nextMs = createCache<string, number>(MAX_USERS);

  constructor(pace: Pace) {
    this.#pace = pace;
  }

  /** How long one that is due now has to wait, 0 for not at all. The place is taken: ask once. */
  delayOf(userId: string, nowMs: number): number {
    const spacingMs = 1_000 / this.#pace.perSecond;
    const nextMs = Math.max(this.#nextMs.get(userId) ?? 0, nowMs);
    this.#nextMs.set(userId, nextMs + spacingMs);
    return Math.max(0, Math.ceil(nextMs - nowMs - (this.#pace.burst - 1) * spacingMs));
  }
}
