/** From the first failure to the next try; doubled with each further one, and cut by up to a half by chance. */
const FIRST_RETRY_MS = 4_000;
/** No longer than this from one try to the next. */
export const MAX_RETRY_MS = 3_600_000;
/** The least and the most that a server may ask for with `Retry-After`. */
const MIN_RETRY_AFTER_MS = 1_000;
const MAX_RETRY_AFTER_MS = MAX_RETRY_MS;
/** Where a server asked for a time, up to a tenth is put on it by chance: others were told the same. */
const RETRY_AFTER_SPREAD = 0.1;
/**
 * A server that asks us things and does not answer is tried this often at most, however often it is heard from.
 */
const MIN_HEARD_FROM_MS = 5_000;

export interface Failure {
  /** Failures in a row, this one counted. */
  readonly failures: number;
  /** Evenly spread over 0 to 1. */
  readonly chance: number;
  /** What the server asked for. */
  readonly retryAfterMs: number | undefined;
}

/** When a server that failed is asked again: after seconds, then minutes, within an hour. Wall clock, milliseconds. */
export function retryAtMs({ failures, chance, retryAfterMs }: Failure, nowMs: number): number {
  if (retryAfterMs !== undefined) {
    const asked = Math.min(Math.max(retryAfterMs, MIN_RETRY_AFTER_MS), MAX_RETRY_AFTER_MS);
    return Math.round(nowMs + Math.min(asked * (1 + RETRY_AFTER_SPREAD * chance), MAX_RETRY_AFTER_MS));
  }
  const whole = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS);
  return Math.round(nowMs + whole * (1 - chance / 2));
}

/** When a server that was heard from while we waited is asked again: now, unless it was asked just before. */
export function heardFromRetryMs({ triedAtMs }: { triedAtMs: number }, nowMs: number): number {
  const agoMs = nowMs - triedAtMs;
  // A wall clock that went back is no reason to wait.
  return agoMs < 0 || agoMs >= MIN_HEARD_FROM_MS ? nowMs : triedAtMs + MIN_HEARD_FROM_MS;
}
