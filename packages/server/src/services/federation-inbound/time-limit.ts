import type { Timers } from '../../platform/timers.ts';

export interface TimeLimit {
  /** Aborts when the time is over. */
  readonly signal: AbortSignal;
  cancel(): void;
}

/** For work that may take so long in all, however many requests it makes. */
export function createTimeLimit(timers: Timers, limitMs: number): TimeLimit {
  const controller = new AbortController();
  const timer = timers.after(limitMs, () => controller.abort());
  return { signal: controller.signal, cancel: () => timer.cancel() };
}
