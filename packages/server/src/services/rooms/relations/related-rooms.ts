import { createCache } from '../../../cache/create-cache.ts';
import { selectAnyRelatedEvent } from '../../../storage/queries/relations.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { RoomRecord } from '../room-event.ts';

/** Rooms of which is known whether there is anything to bundle. */
const MAX_KNOWN_ROOMS = 100_000;

/** Knows rooms in which no event has relations to bundle: nobody has to ask the database about the events there. */
export class RelatedRooms {
  readonly #storage: Storage;
  readonly #known = createCache<number, 'yes' | 'no'>(MAX_KNOWN_ROOMS);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async hasAny(room: RoomRecord): Promise<boolean> {
    const known = this.#known.get(room.nid);
    if (known !== undefined) return known === 'yes';
    const rows = await this.#storage.read(selectAnyRelatedEvent, { roomNid: room.nid });
    const found = rows.length > 0 ? 'yes' : 'no';
    // Something may have been written meanwhile; who writes says so before.
    if (!this.#known.has(room.nid)) this.#known.set(room.nid, found);
    return this.#known.get(room.nid) !== 'no';
  }

  /** Called with the batch that brings the first of them, or any later one. */
  note(roomNid: number): void {
    this.#known.set(roomNid, 'yes');
  }
}
