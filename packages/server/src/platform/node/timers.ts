import type { Timer, Timers } from '../timers.ts';

/** The longest delay that Node can wait; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const nodeTimers: Timers = { after };

/**
 * Node may call back up to a millisecond early, so the rest is waited for. Without a delay it calls as soon as others
 * had their turn, where `setTimeout` would idle for a millisecond.
 */
function after(delayMs: number, action: () => void): Timer {
  if (delayMs === 0) {
    const immediate = setImmediate(action);
    return { cancel: () => clearImmediate(immediate) };
  }
  if (!(delayMs >= 0 && delayMs <= MAX_DELAY_MS)) {
    throw new Error(`A timer takes 0 to ${MAX_DELAY_MS} ms, not ${delayMs}.`);
  }
  const dueMs = performance.now() + delayMs;
  let timeout = setTimeout(fire, delayMs).unref();

  function fire(): void {
    const remainingMs = dueMs - performance.now();
    if (remainingMs > 0) {
      timeout = setTimeout(fire, Math.ceil(remainingMs)).unref();
      return;
    }
    action();
  }

  return { cancel: () => clearTimeout(timeout) };
}
