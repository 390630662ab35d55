import {
  countStagedEvents,
  deleteStagedEvents,
  insertStagedEvent,
  type StagedEventRow,
  selectStagedEvents,
  selectStagedEventsById,
} from '../../storage/queries/staged-events.ts';
import type { Storage } from '../../storage/storage.ts';
import { type Lane, laneKey } from './lane.ts';

/** Events of all servers that may wait; at 65 kB, the largest size of an event, this is the most disk they take. */
const MAX_STAGED = 50_000;
/** Of one server in all rooms. */
const MAX_STAGED_OF_ORIGIN = 10_000;
/** Of one server in one room. */
const MAX_STAGED_OF_LANE = 5_000;

/** An event to be staged. */
export interface EventToStage {
  readonly eventId: string;
  readonly receivedTs: number;
  /** Format, signatures and hash were checked, and `json` is what goes on; else it is as it came. */
  readonly isVerified: boolean;
  readonly json: string;
}

/**
 * The events that were taken from other servers and wait in the database, with how many there are in memory.
 * Only this writes the table.
 */
export class StagedEvents {
  readonly #storage: Storage;
  readonly #ofLanes = new Map<string, { readonly lane: Lane; count: number }>();
  readonly #ofOrigins = new Map<string, number>();
  #total = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Once, before anything is staged: what was left by the last run. */
  async load(): Promise<void> {
    for (const row of await this.#storage.read(countStagedEvents, {})) {
      this.#add({ roomId: row.room_id, origin: row.origin }, row.count);
    }
  }

  lanes(): Lane[] {
    return [...this.#ofLanes.values()].map(({ lane }) => lane);
  }

  /** Whether nothing more is to be taken from this server (E6). */
  isFull(origin: string): boolean {
    return this.#total >= MAX_STAGED || (this.#ofOrigins.get(origin) ?? 0) >= MAX_STAGED_OF_ORIGIN;
  }

  /** Whether nothing more of this room is to be taken from this server. */
  isLaneFull(lane: Lane): boolean {
    return this.count(lane) >= MAX_STAGED_OF_LANE;
  }

  count(lane: Lane): number {
    return this.#ofLanes.get(laneKey(lane))?.count ?? 0;
  }

  /** They are on disk when the promise is kept. One that waits already stays as it is. */
  async stage(lane: Lane, events: readonly EventToStage[]): Promise<void> {
    const committed = await this.#storage.write((transaction) =>
      events.map(({ eventId, receivedTs, isVerified, json }) => {
        const stagedNid = transaction.allocate();
        const row = { stagedNid, ...lane, eventId, receivedTs, isVerified: Number(isVerified), json };
        return transaction.fetch(insertStagedEvent, row);
      }),
    );
    const inserted = committed.value.reduce((sum, handle) => sum + committed.rows(handle).length, 0);
    this.#add(lane, inserted);
  }

  /** The oldest of the lane, without these. */
  read(lane: Lane, except: readonly number[], limit: number): Promise<StagedEventRow[]> {
    return this.#storage.read(selectStagedEvents, { ...lane, except, limit });
  }

  /** Those of these events that wait, whichever server sent them. */
  byIds(roomId: string, eventIds: readonly string[]): Promise<StagedEventRow[]> {
    return this.#storage.read(selectStagedEventsById, { roomId, eventIds });
  }

  async remove(lane: Lane, stagedNids: readonly number[]): Promise<void> {
    if (stagedNids.length === 0) return;
    const committed = await this.#storage.write((transaction) => transaction.fetch(deleteStagedEvents, { stagedNids }));
    this.#add(lane, -committed.rows(committed.value).length);
  }

  #add(lane: Lane, count: number): void {
    if (count === 0) return;
    const key = laneKey(lane);
    const entry = this.#ofLanes.get(key) ?? { lane, count: 0 };
    entry.count += count;
    if (entry.count > 0) this.#ofLanes.set(key, entry);
    else this.#ofLanes.delete(key);
    const ofOrigin = (this.#ofOrigins.get(lane.origin) ?? 0) + count;
    if (ofOrigin > 0) this.#ofOrigins.set(lane.origin, ofOrigin);
    else this.#ofOrigins.delete(lane.origin);
    this.#total += count;
  }
}
