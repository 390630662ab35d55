import { MAX_STICKY_DURATION_MS } from './sticky-duration.ts';

/** What the life of a sticky event hangs on, as the server that received it knows it. All in milliseconds. */
export interface StickyLifetime {
  /** The sender's server's clock when the event was made. Signed, and possibly a lie. */
  readonly originServerTs: number;
  /** This server's clock when the event first arrived from the network, or was made here. Kept with the event. */
  readonly receivedTs: number;
  /** From `stickyDurationMs`. */
  readonly durationMs: number;
}

/** From when on the event counts as sticky (A2): a timestamp from the future is held down to the receipt. */
export function stickyStartMs({ originServerTs, receivedTs }: StickyLifetime): number {
  return Math.min(originServerTs, receivedTs);
}

/** The first instant at which the event is no longer sticky (A2). */
export function stickyUntilMs(lifetime: StickyLifetime): number {
  return stickyStartMs(lifetime) + Math.min(lifetime.durationMs, MAX_STICKY_DURATION_MS);
}

/** What is left of the event at `nowTs`, on the clock of `receivedTs`; 0 once it has expired, never negative. */
export function stickyRemainingMs(lifetime: StickyLifetime, nowTs: number): number {
  return Math.max(stickyUntilMs(lifetime) - nowTs, 0);
}
