import type { Timers } from '../../platform/timers.ts';

/** Lets whatever else waits have its turn: a long answer must not hold up the short ones. */
export function breathe(timers: Timers): Promise<void> {
  return new Promise((resolve) => {
    timers.after(0, resolve);
  });
}
