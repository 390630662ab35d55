import { TargetFault } from '../faults.ts';
import type { HttpResponse } from '../http/response-reader.ts';
import { refusal } from '../matrix/call.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';

/** Longer than any round, so that a waiting client is answered because of its event alone. */
const POLL_MS = 60_000;

/** Found in the raw bytes: parsing a thousand answers would be the bench's time, not the target's. */
const NEXT_BATCH = /"next_batch"\s*:\s*"([^"]*)"/;

/** One event on its way: whoever has it says so, in milliseconds of the monotonic clock. */
export interface Delivery {
  /** Text that stands in the event alone. */
  readonly marker: string;
  receive(atMs: number): void;
}

/** A client that polls `/sync` again and again, as light on the machine as can be. */
export class WaitingClient {
  readonly #user: MatrixUser;
  readonly #filterId: string;
  #since: string | undefined;
  #delivery: Delivery | undefined;
  #isStopped = false;

  constructor(user: MatrixUser, filterId: string) {
    this.#user = user;
    this.#filterId = filterId;
  }

  /** The initial sync: from here on it has a place in the stream. */
  async begin(): Promise<void> {
    this.#take(await this.#user.sync({ filterId: this.#filterId, timeoutMs: 0 }));
  }

  expect(delivery: Delivery): void {
    this.#delivery = delivery;
  }

  /** Polls until stopped; as clients do, again as soon as an answer is there. Rejects with TargetFault. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const since = this.#since ?? '';
      const response = await this.#user.sync({ filterId: this.#filterId, since, timeoutMs: POLL_MS });
      const atMs = performance.now();
      this.#take(response);
      const delivery = this.#delivery;
      if (delivery === undefined || !response.body.includes(delivery.marker)) continue;
      this.#delivery = undefined;
      delivery.receive(atMs);
    }
  }

  /** Ends the wait that is on; `run` then rejects. */
  stop(): void {
    this.#isStopped = true;
    this.#user.close();
  }

  #take(response: HttpResponse): void {
    if (response.status !== 200) throw refusal({ method: 'GET', path: '/_matrix/client/v3/sync' }, response);
    // The name cannot stand in front of it in another value: quotes in JSON texts are escaped.
    const nextBatch = NEXT_BATCH.exec(response.body.toString('latin1'))?.[1];
    if (nextBatch === undefined) throw new TargetFault('A /sync answer has no next_batch');
    this.#since = nextBatch;
  }
}
