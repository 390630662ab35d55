import { TargetFault } from '../faults.ts';
import type { HttpResponse } from '../http/response-reader.ts';
import { refusal } from '../matrix/call.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { markerPattern } from './marker.ts';

/** A poll is answered by then, so that a client that is stopped ends soon. */
const POLL_MS = 2_000;

/** Few messages, members as needed, no presence: what is sticky comes in its own section. */
const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 100 }, state: { lazy_load_members: true } },
};

/** Found in the raw bytes: parsing would be the bench's time, not the target's. */
const NEXT_BATCH = /"next_batch"\s*:\s*"([^"]*)"/;

/** Tells of every marked event the first time that this client gets it. */
export class CountingClient {
  readonly #user: MatrixUser;
  readonly #seen: Uint8Array;
  readonly #receive: (index: number, atMs: number) => void;
  #filterId = '';
  #since: string | undefined;
  #isStopped = false;

  /** `count` events are marked, from 0 on. */
  constructor(user: MatrixUser, count: number, receive: (index: number, atMs: number) => void) {
    this.#user = user;
    this.#seen = new Uint8Array(count);
    this.#receive = receive;
  }

  /** The initial sync: from here on it has a place in the stream. */
  async begin(): Promise<void> {
    this.#filterId = await this.#user.createFilter(FILTER);
    await this.#poll(0);
  }

  /** Polls until stopped. Rejects with TargetFault. */
  async run(): Promise<void> {
    while (!this.#isStopped) await this.#poll(POLL_MS);
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #poll(timeoutMs: number): Promise<void> {
    const since = this.#since === undefined ? {} : { since: this.#since };
    const response = await this.#user.sync({ filterId: this.#filterId, ...since, timeoutMs });
    const atMs = performance.now();
    const text = this.#take(response);
    for (const [, number] of text.matchAll(markerPattern())) {
      const index = Number(number);
      if (this.#seen[index] !== 0) continue;
      this.#seen[index] = 1;
      this.#receive(index, atMs);
    }
  }

  #take(response: HttpResponse): string {
    if (response.status !== 200) throw refusal({ method: 'GET', path: '/_matrix/client/v3/sync' }, response);
    const text = response.body.toString('latin1');
    const nextBatch = NEXT_BATCH.exec(text)?.[1];
    if (nextBatch === undefined) throw new TargetFault('A /sync answer has no next_batch');
    this.#since = nextBatch;
    return text;
  }
}
