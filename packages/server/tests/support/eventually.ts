import { vi } from 'vitest';

/** Of real time: a machine that is busy with other things takes seconds for what takes milliseconds otherwise. */
const PATIENCE_MS = 20_000;
const LOOK_EVERY_MS = 50;

/** What `check` gives once it does not throw: for what comes about by itself, soon or late. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { timeout: PATIENCE_MS, interval: LOOK_EVERY_MS });
}
