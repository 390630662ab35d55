import { setTimeout as pause } from 'node:timers/promises';
import { TargetFault } from '../faults.ts';
import { refusal } from '../matrix/call.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { markerPattern } from './marker.ts';

/** Longer than an event may be late, so that an answer comes because of events alone. */
const POLL_MS = 10_000;
/** Between two attempts while the server is away. */
const RETRY_MS = 20;
/** A server that is away for longer does not come back. */
const MAX_AWAY_MS = 60_000;
/** More than ever come at once here, so that none falls out of the timeline. */
const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 1_000 }, state: { lazy_load_members: true } },
};

const NEXT_BATCH = /"next_batch"\s*:\s*"([^"]*)"/;

/** A client that counts how often it gets each marked event, also over a time in which the server is away. */
export class DelayedWatcher {
  readonly #user: MatrixUser;
  readonly #times: Uint8Array;
  readonly #receivedMs: Float64Array;
  #filterId = '';
  #since: string | undefined;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  /** `count` events are marked, from 0 on. */
  constructor(user: MatrixUser, count: number) {
    this.#user = user;
    this.#times = new Uint8Array(count);
    this.#receivedMs = new Float64Array(count);
  }

  /** Syncs once, and goes on with it until stopped. */
  async begin(): Promise<void> {
    this.#filterId = await this.#user.createFilter(FILTER);
    await this.#poll(0);
    this.#running = this.#run();
    this.#running.catch(() => undefined);
  }

  /** Waits for this, unless the watcher fails meanwhile. */
  async alive(waiting: Promise<void>): Promise<void> {
    await Promise.race([waiting, this.#running.then(() => waiting)]);
  }

  stop(): void {
    this.#isStopped = true;
    this.#user.close();
  }

  timesReceived(index: number): number {
    return this.#times[index] ?? 0;
  }

  /** When it came for the first time. */
  receivedMs(index: number): number {
    return this.#receivedMs[index] ?? 0;
  }

  async #run(): Promise<void> {
    let aliveMs = performance.now();
    while (!this.#isStopped) {
      try {
        await this.#poll(POLL_MS);
        aliveMs = performance.now();
      } catch (error) {
        if (!(error instanceof TargetFault) || performance.now() > aliveMs + MAX_AWAY_MS) throw error;
        await pause(RETRY_MS);
      }
    }
  }

  async #poll(timeoutMs: number): Promise<void> {
    const since = this.#since === undefined ? {} : { since: this.#since };
    const response = await this.#user.sync({ filterId: this.#filterId, ...since, timeoutMs });
    const atMs = performance.now();
    if (response.status !== 200) throw refusal({ method: 'GET', path: '/_matrix/client/v3/sync' }, response);
    const text = response.body.toString('latin1');
    const nextBatch = NEXT_BATCH.exec(text)?.[1];
    if (nextBatch === undefined) throw new TargetFault('A /sync answer has no next_batch');
    this.#since = nextBatch;
    for (const [, number] of text.matchAll(markerPattern())) {
      const index = Number(number);
      if (this.#times[index] === 0) this.#receivedMs[index] = atMs;
      this.#times[index] = (this.#times[index] ?? 0) + 1;
    }
  }
}
