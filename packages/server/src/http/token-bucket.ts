/**
 * A token bucket as one number (the generic cell rate algorithm): the instant at which the bucket will be full again.
 * Pure: the same values give the same verdict.
 */
export interface RateLimit {
  /** So many at once. */
  readonly burst: number;
  /** And so many a second in the long run. */
  readonly perSecond: number;
}

export type TokenVerdict =
  | { readonly isTaken: true; readonly fullAtMs: number }
  | { readonly isTaken: false; readonly retryAfterMs: number };

/** Takes one token. `fullAtMs` is what the last taking gave, `undefined` for a bucket that was never used. */
export function takeToken(fullAtMs: number | undefined, limit: RateLimit, nowMs: number): TokenVerdict {
  const intervalMs = 1000 / limit.perSecond;
  const next = Math.max(fullAtMs ?? nowMs, nowMs) + intervalMs;
  const waitMs = next - nowMs - limit.burst * intervalMs;
  // A rounding error must not refuse the last token of a burst.
  if (waitMs > 1e-6) {
    return { isTaken: false, retryAfterMs: Math.ceil(waitMs) };
  }
  return { isTaken: true, fullAtMs: next };
}
