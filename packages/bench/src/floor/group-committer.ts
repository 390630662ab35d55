import { Worker } from 'node:worker_threads';
import type { FloorRow } from './floor-row.ts';

/** Most rows of one transaction; more connections than that do not come. */
const MAX_GROUP = 10_000;

/**
 * Hands rows to the thread that writes. While it commits one group the next one queues, and goes when it is done: one
 * sender waits for one fsync, a hundred share it.
 */
export class GroupCommitter {
  readonly #worker: Worker;
  #rows: FloorRow[] = [];
  #waiting: (() => void)[] = [];
  #committing: (() => void)[] | undefined;

  constructor(databasePath: string) {
    this.#worker = new Worker(new URL('./commit-worker.ts', import.meta.url), { workerData: databasePath });
    this.#worker.on('message', () => this.#finish());
  }

  /** `done` is called when the row is on disk. */
  commit(row: FloorRow, done: () => void): void {
    this.#rows.push(row);
    this.#waiting.push(done);
    if (this.#committing === undefined) this.#send();
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(): void {
    this.#committing = this.#waiting.splice(0, MAX_GROUP);
    this.#worker.postMessage(this.#rows.splice(0, MAX_GROUP));
  }

  #finish(): void {
    const committed = this.#committing ?? [];
    this.#committing = undefined;
    // First the next group, so that the disk is busy while the answers of this one go out.
    if (this.#waiting.length > 0) this.#send();
    for (const done of committed) done();
  }
}
