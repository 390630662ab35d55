import { limitExceeded } from '@limpet/protocol/matrix-error';
import { createCache } from '../cache/create-cache.ts';
import { RATE_LIMITS, type RateLimitName } from '../config/rate-limits.ts';
import type { Clock } from '../platform/clock.ts';
import { type RateLimit, takeToken } from './token-bucket.ts';

/** Buckets kept at once; the one longest unused is forgotten first. Some 100 bytes each. */
const MAX_BUCKETS = 50_000;

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
  /** Other limits than the usual: of the configuration, and of tests. */
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
