import { limitExceeded } from '@limpet/protocol/matrix-error';
import { createCache } from '../cache/create-cache.ts';
import type { Clock } from '../platform/clock.ts';
import { type RateLimit, takeToken } from './token-bucket.ts';

/** Buckets kept at once; the one longest unused is forgotten first. Some 100 bytes each. */
const MAX_BUCKETS = 50_000;

/**
 * What is limited, and what its buckets belong to. MatrixRTC restarts a delayed event every 4 seconds for each call and
 * renews sticky events in bursts, so the limits of what a user does leave room for many calls at once.
 */
export const RATE_LIMITS = {
  /** Every request: a user, or an address where nobody is logged in. */
  general: { burst: 1_000, perSecond: 100 },
  /** Attempts to log in: an address. */
  login: { burst: 20, perSecond: 0.5 },
  /** Attempts to log in to one account, from wherever: a user ID. Slows the guessing of a password. */
  loginToAccount: { burst: 10, perSecond: 0.1 },
  /** New access tokens for refresh tokens: an address. Many users may be behind one. */
  refresh: { burst: 100, perSecond: 5 },
  /** Login tokens for further devices: a user. */
  loginToken: { burst: 5, perSecond: 0.02 },
  /** Attempts to register, and questions whether a name is free: an address. */
  registration: { burst: 20, perSecond: 0.2 },
  /** Events sent (B4): a user and a room. */
  send: { burst: 100, perSecond: 20 },
  /** Delayed events scheduled: a user. */
  delayedEvent: { burst: 100, perSecond: 10 },
  /**
   * Actions on delayed events: a user, or an address where no token came. A call restarts one every 4 seconds for each
   * of its participants, and a call back-end does it for all of its calls.
   */
  manageDelayedEvent: { burst: 1_000, perSecond: 100 },
  /** Delayed events sent before their time: a user, or an address. */
  sendDelayedEvent: { burst: 100, perSecond: 20 },
  /** Joins and knocks: a user. */
  join: { burst: 30, perSecond: 1 },
  /** Invites: a user. */
  invite: { burst: 50, perSecond: 0.5 },
  /** New rooms: a user. */
  createRoom: { burst: 20, perSecond: 0.2 },
  /** Reports to the administrators: a user. */
  report: { burst: 20, perSecond: 0.02 },
  /** Searches of people and of other servers' directories: a user. */
  lookUp: { burst: 50, perSecond: 2 },
  /** Uploads, and media IDs for them: a user. */
  upload: { burst: 50, perSecond: 1 },
  /** Media of other servers that are not here yet: a user, or an address where nobody is logged in. */
  fetchMedia: { burst: 200, perSecond: 5 },
  /** Web pages that are fetched for a preview: a user. */
  previewUrl: { burst: 30, perSecond: 0.5 },
  /**
   * Requests of another server: its name and the address they come from. What is signed by others is not known before
   * the body is read, so who only says to be a server takes nothing from it.
   */
  federation: { burst: 2_000, perSecond: 500 },
} as const satisfies Record<string, RateLimit>;

export type RateLimitName = keyof typeof RATE_LIMITS;

export interface RateLimits {
  /**
   * Takes one token from the bucket of `key`. Throws M_LIMIT_EXCEEDED with `retry_after_ms` (which becomes the header
   * Retry-After too) when it is empty; a refused attempt costs nothing.
   */
  take(name: RateLimitName, ...key: readonly string[]): void;
}

export interface RateLimitOptions {
  readonly clock: Clock;
  /** False switches all of them off. */
  readonly isEnabled: boolean;
  /** For tests: other limits than the table's. */
  readonly limits?: Partial<Record<RateLimitName, RateLimit>>;
  readonly maxBuckets?: number;
}

export function createRateLimits(options: RateLimitOptions): RateLimits {
  const { clock, isEnabled } = options;
  const limits: Record<RateLimitName, RateLimit> = { ...RATE_LIMITS, ...options.limits };
  const buckets = createCache<string, number>(options.maxBuckets ?? MAX_BUCKETS);

  function take(name: RateLimitName, ...key: readonly string[]): void {
    if (!isEnabled) {
      return;
    }
    const bucket = [name, ...key].join('\0');
    const verdict = takeToken(buckets.get(bucket), limits[name], clock.monotonicMs());
    if (!verdict.isTaken) {
      const text = `Too many requests of this kind. Try again in ${Math.ceil(verdict.retryAfterMs / 1000)} s.`;
      throw limitExceeded(text, verdict.retryAfterMs);
    }
    buckets.set(bucket, verdict.fullAtMs);
  }

  return { take };
}
