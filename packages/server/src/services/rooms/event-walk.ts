import { moveEventWalk, selectEventsAfter, selectEventWalk } from '../../storage/queries/event-walks.ts';
import type { EventRow } from '../../storage/queries/events.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';

/** Events that are looked at in one step. */
const EVENTS_PER_STEP = 500;

/** Says what to write for events that the walk came to. It sees rows as they were read: guard what may have changed. */
export type LookAt = (rows: readonly EventRow[]) => Promise<(transaction: WriteTransaction) => void>;

/**
 * Goes through all events by their numbers, once, and knows after a restart how far it came. It sees an event as it is
 * when it passes, not when the event gets its place in the timeline afterwards.
 */
export class EventWalk {
  readonly #storage: Storage;
  readonly #name: string;
  readonly #lookAt: LookAt;
  #mark: { passed: number; last: number | undefined } | undefined;

  constructor(storage: Storage, name: string, lookAt: LookAt) {
    this.#storage = storage;
    this.#name = name;
    this.#lookAt = lookAt;
  }

  /** Goes on; whether there is more. */
  async step(): Promise<boolean> {
    const mark = await this.#load();
    // Up to here all numbers are given out, and what has them is on disk.
    const published = Math.max(...this.#storage.stream.current().values());
    const upTo = Math.min(mark.last ?? published, published);
    if (mark.passed >= upTo) return false;
    const query = { after: mark.passed, upTo, limit: EVENTS_PER_STEP };
    const rows = await this.#storage.read(selectEventsAfter, query);
    const write = await this.#lookAt(rows);
    const isMore = rows.length === EVENTS_PER_STEP;
    const passed = isMore ? (rows.at(-1)?.event_nid ?? upTo) : upTo;
    await this.#storage.write((transaction) => {
      write(transaction);
      transaction.run(moveEventWalk, { name: this.#name, eventNid: passed });
    });
    mark.passed = passed;
    return isMore;
  }

  async #load() {
    if (this.#mark === undefined) {
      const [row] = await this.#storage.read(selectEventWalk, { name: this.#name });
      if (row === undefined) throw new Error(`There is no walk "${this.#name}"`);
      this.#mark = { passed: row.event_nid, last: row.last_nid ?? undefined };
    }
    return this.#mark;
  }
}
