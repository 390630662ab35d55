import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { type DelayedEventState, wakeMsOf } from './delayed-event-state.ts';
import { DueQueue } from './due-queue.ts';

/** Longest that a timer waits; what is due later is looked at again then. */
const MAX_WAIT_MS = 2 ** 31 - 1;

/** A delayed event that is not finalised, as it is in memory: what it says stays on disk. */
export interface ScheduledEvent {
  readonly nid: number;
  readonly delayId: string;
  readonly userId: string;
  readonly delayMs: number;
  state: DelayedEventState;
  /** Whether it has waited for its user's pace, and may go out when it is due. */
  isPaced: boolean;
  /** Ends with the sending or the writing that is under way. */
  underWay: Promise<void>;
  queueMs: number;
  queueIndex: number;
}

/**
 * All that is scheduled, in the order in which it is due, with one timer for the first. Who changes the state of an
 * event brings it here with `place`.
 */
export class ScheduledEvents {
  readonly #platform: Pick<Platform, 'clock' | 'timers'>;
  readonly #onDue: (event: ScheduledEvent) => void;
  readonly #events = new Map<string, ScheduledEvent>();
  readonly #ofUsers = new Map<string, Set<ScheduledEvent>>();
  readonly #queue = new DueQueue<ScheduledEvent>();
  #timer: { readonly timer: Timer; readonly dueMs: number } | undefined;
  #isRunning = false;

  constructor(platform: Pick<Platform, 'clock' | 'timers'>, onDue: (event: ScheduledEvent) => void) {
    this.#platform = platform;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#events.size;
  }

  get(delayId: string): ScheduledEvent | undefined {
    return this.#events.get(delayId);
  }

  ofUser(userId: string): ReadonlySet<ScheduledEvent> {
    return this.#ofUsers.get(userId) ?? NONE;
  }

  add(event: ScheduledEvent): void {
    if (this.#events.has(event.delayId)) return;
    this.#events.set(event.delayId, event);
    const own = this.#ofUsers.get(event.userId);
    if (own === undefined) this.#ofUsers.set(event.userId, new Set([event]));
    else own.add(event);
    this.place(event);
  }

  /** Puts it where its state says that it belongs; one that is finalised is forgotten. */
  place(event: ScheduledEvent): void {
    const wakeMs = wakeMsOf(event.state);
    if (event.state.name === 'finalised') this.#forget(event);
    if (wakeMs === undefined || !this.#events.has(event.delayId)) {
      this.#queue.remove(event);
      return;
    }
    this.#queue.put(event, wakeMs);
    this.#arm();
  }

  /** From now on what is due is told of. */
  run(): void {
    this.#isRunning = true;
    this.#arm();
  }

  stop(): void {
    this.#isRunning = false;
    this.#timer?.timer.cancel();
    this.#timer = undefined;
  }

  #forget(event: ScheduledEvent): void {
    this.#events.delete(event.delayId);
    const own = this.#ofUsers.get(event.userId);
    own?.delete(event);
    if (own?.size === 0) this.#ofUsers.delete(event.userId);
  }

  /**
   * A timer that is early is left alone: most events are restarted again and again, and it will find out by itself that
   * nothing is due yet.
   */
  #arm(): void {
    const dueMs = this.#queue.first?.queueMs;
    if (!this.#isRunning || dueMs === undefined) return;
    if (this.#timer !== undefined && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.ceil(dueMs - this.#platform.clock.monotonicMs())));
    this.#timer = { timer: this.#platform.timers.after(waitMs, () => this.#wake()), dueMs };
  }

  #wake(): void {
    this.#timer = undefined;
    const nowMs = this.#platform.clock.monotonicMs();
    for (let event = this.#queue.first; event !== undefined && event.queueMs <= nowMs; event = this.#queue.first) {
      this.#queue.remove(event);
      this.#onDue(event);
    }
    this.#arm();
  }
}

const NONE: ReadonlySet<ScheduledEvent> = new Set();
