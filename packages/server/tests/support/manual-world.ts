import type { Clock } from '../../src/platform/clock.ts';
import type { Timer, Timers } from '../../src/platform/timers.ts';

/**
 * A clock that stands still, and timers that fire when it is moved; one without a delay fires as soon as others had
 * their turn.
 */
export interface ManualWorld {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Moves both clocks, and fires the timers on the way in their order, each at its own time. */
  advance(ms: number): void;
  /** Moves the wall clock alone, forwards or back. */
  stepWallClock(ms: number): void;
}

interface WaitingTimer {
  readonly dueMs: number;
  readonly number: number;
  readonly action: () => void;
}

export function createManualWorld(startMs = 1_700_000_000_000): ManualWorld {
  let monotonicMs = 0;
  let wallOffsetMs = startMs;
  let count = 0;
  const waiting = new Set<WaitingTimer>();

  function after(delayMs: number, action: () => void): Timer {
    if (delayMs === 0) {
      const immediate = setImmediate(action);
      return { cancel: () => clearImmediate(immediate) };
    }
    count++;
    const timer = { dueMs: monotonicMs + delayMs, number: count, action };
    waiting.add(timer);
    return { cancel: () => void waiting.delete(timer) };
  }

  function nextDue(untilMs: number): WaitingTimer | undefined {
    const due = [...waiting].filter((timer) => timer.dueMs <= untilMs);
    return due.sort((left, right) => left.dueMs - right.dueMs || left.number - right.number)[0];
  }

  function advance(ms: number): void {
    const untilMs = monotonicMs + ms;
    for (let timer = nextDue(untilMs); timer !== undefined; timer = nextDue(untilMs)) {
      waiting.delete(timer);
      monotonicMs = Math.max(monotonicMs, timer.dueMs);
      timer.action();
    }
    monotonicMs = untilMs;
  }

  return {
    clock: { nowMs: () => wallOffsetMs + monotonicMs, monotonicMs: () => monotonicMs },
    timers: { after },
    advance,
    stepWallClock(ms) {
      wallOffsetMs += ms;
    },
  };
}
