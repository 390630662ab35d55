import type { Timers } from '../../platform/timers.ts';
import { selectEventTexts, selectIdsOfEvents } from '../../storage/queries/served-events.ts';
import type { Storage } from '../../storage/storage.ts';
import { inTurns } from './breathe.ts';

/** Gives events as they are kept, without making values of them: for answers that hold the state of large rooms. */
export class EventTexts {
  readonly #storage: Storage;
  readonly #timers: Timers;

  constructor(storage: Storage, timers: Timers) {
    this.#storage = storage;
    this.#timers = timers;
  }

  /** The canonical JSON of these events, in no order; what we do not have is left out. */
  texts(eventNids: readonly number[]): Promise<readonly string[]> {
    return inTurns(this.#timers, eventNids, async (part) =>
      (await this.#storage.read(selectEventTexts, { eventNids: part })).map((row) => row.json),
    );
  }

  /** The IDs of these events, likewise. */
  ids(eventNids: readonly number[]): Promise<readonly string[]> {
    return inTurns(this.#timers, eventNids, async (part) =>
      (await this.#storage.read(selectIdsOfEvents, { eventNids: part })).map((row) => row.event_id),
    );
  }
}
