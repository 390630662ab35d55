/** After the first failure; twice as long after each one more. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;
/** Longest that is waited because somebody asked for it. */
const MAX_ASKED_MS = 300_000;
/** So much is added by chance, so that what failed together is not tried again together. */
const MAX_SPREAD = 0.5;

export interface FailedSending {
  /** How often it failed so far, 1 or more. */
  readonly failures: number;
  /** Evenly spread over 0 to 1. */
  readonly chance: number;
  /** How long whoever refused wants us to wait, if that was said. */
  readonly retryAfterMs: number | undefined;
}

/** How long to wait before a delayed event that could not be sent is tried again, in whole milliseconds. */
export function retryDelayMs({ failures, chance, retryAfterMs = 0 }: FailedSending): number {
  const backOffMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  const delayMs = Math.max(backOffMs, Math.min(retryAfterMs, MAX_ASKED_MS));
  return Math.ceil(delayMs * (1 + MAX_SPREAD * chance));
}
