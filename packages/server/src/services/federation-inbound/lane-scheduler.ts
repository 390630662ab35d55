import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { StorageFailure } from '../../storage/storage.ts';
import { type Lane, laneKey } from './lane.ts';

/** Lanes that are processed at once, each with a request to another server under way at most times. */
const MAX_RUNNING = 16;
/** Of one server: one that answers slowly does not take the places of the others. */
const MAX_RUNNING_OF_ORIGIN = 4;
/** Of one room: a few more would look for the same missing events. */
const MAX_RUNNING_OF_ROOM = 3;
/** Before a lane is run again whose run failed, which is our fault or the database's. */
const RETRY_FAILED_MS = 30_000;

/** When a lane is to be run again by itself: now, in so many milliseconds, or not at all. */
export type NextRun = 'now' | 'never' | number;

interface LaneState {
  readonly lane: Lane;
  /** `again`: it is running, and was woken meanwhile. */
  phase: 'queued' | 'running' | 'again' | 'resting';
  /** When it is due, on the monotonic clock; for `resting`. */
  dueMs: number;
}

export interface LaneSchedulerParts {
  readonly platform: Pick<Platform, 'clock' | 'timers' | 'log'>;
  /** Processes what waits in a lane. */
  readonly run: (lane: Lane) => Promise<NextRun>;
}

/**
 * Decides which lanes are processed when: each is run by one at a time, servers take turns, and none of them has more
 * than its share. One timer serves all lanes that rest. As many lanes are known as have staged events.
 */
export class LaneScheduler {
  readonly #parts: LaneSchedulerParts;
  readonly #states = new Map<string, LaneState>();
  /** Those that are queued, by server. The order of the map is that of the turns. */
  readonly #queues = new Map<string, LaneState[]>();
  readonly #running = new Set<LaneState>();
  #work: Promise<void> = Promise.resolve();
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: LaneSchedulerParts) {
    this.#parts = parts;
  }

  /** There is something new in the lane. */
  wake(lane: Lane): void {
    const key = laneKey(lane);
    const state = this.#states.get(key) ?? { lane, phase: 'resting', dueMs: 0 };
    this.#states.set(key, state);
    if (state.phase === 'running') state.phase = 'again';
    if (state.phase === 'resting') this.#enqueue(state);
    this.#startDue();
  }

  /** Begins nothing more; kept when what was begun has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#work;
  }

  #enqueue(state: LaneState): void {
    state.phase = 'queued';
    const queue = this.#queues.get(state.lane.origin);
    if (queue === undefined) this.#queues.set(state.lane.origin, [state]);
    else queue.push(state);
  }

  #startDue(): void {
    for (;;) {
      if (this.#isStopped || this.#running.size >= MAX_RUNNING) return;
      const next = this.#takeNext();
      if (next === undefined) return;
      this.#start(next);
    }
  }

  /** The first lane that may run, of the server whose turn is due; that server then goes to the end. */
  #takeNext(): LaneState | undefined {
    for (const [origin, queue] of this.#queues) {
      if (this.#countRunning((lane) => lane.origin === origin) >= MAX_RUNNING_OF_ORIGIN) continue;
      const index = queue.findIndex(
        ({ lane }) => this.#countRunning((running) => running.roomId === lane.roomId) < MAX_RUNNING_OF_ROOM,
      );
      const next = queue[index];
      if (next === undefined) continue;
      queue.splice(index, 1);
      this.#queues.delete(origin);
      if (queue.length > 0) this.#queues.set(origin, queue);
      return next;
    }
    return undefined;
  }

  #countRunning(isCounted: (lane: Lane) => boolean): number {
    let count = 0;
    for (const { lane } of this.#running) if (isCounted(lane)) count++;
    return count;
  }

  #start(state: LaneState): void {
    state.phase = 'running';
    this.#running.add(state);
    const ended = this.#run(state.lane).then((next) => this.#end(state, next));
    this.#work = Promise.all([this.#work, ended]).then(() => {});
  }

  async #run(lane: Lane): Promise<NextRun> {
    try {
      return await this.#parts.run(lane);
    } catch (error) {
      const { log } = this.#parts.platform;
      const message = 'Events of another server could not be processed; trying again later';
      if (isPassing(error)) log.warn(message, { ...lane, error });
      else log.error(message, { ...lane, error });
      return RETRY_FAILED_MS;
    }
  }

  #end(state: LaneState, next: NextRun): void {
    this.#running.delete(state);
    if (state.phase === 'again' || next === 'now') {
      this.#enqueue(state);
    } else if (next === 'never') {
      this.#states.delete(laneKey(state.lane));
    } else {
      state.phase = 'resting';
      state.dueMs = this.#parts.platform.clock.monotonicMs() + next;
      this.#setTimer();
    }
    this.#startDue();
  }

  #setTimer(): void {
    if (this.#isStopped) return;
    const { clock, timers } = this.#parts.platform;
    this.#timer?.cancel();
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { phase, dueMs } of this.#states.values()) {
      if (phase === 'resting') earliestMs = Math.min(earliestMs, dueMs);
    }
    if (earliestMs === Number.POSITIVE_INFINITY) return;
    this.#timer = timers.after(Math.max(1, earliestMs - clock.monotonicMs()), () => this.#queueRested());
  }

  #queueRested(): void {
    const nowMs = this.#parts.platform.clock.monotonicMs();
    for (const state of this.#states.values()) {
      if (state.phase === 'resting' && state.dueMs <= nowMs) this.#enqueue(state);
    }
    this.#setTimer();
    this.#startDue();
  }
}

/** Too much to do, or a database that cannot write: no fault of ours. */
function isPassing(error: unknown): boolean {
  return error instanceof MatrixError || error instanceof StorageFailure;
}
