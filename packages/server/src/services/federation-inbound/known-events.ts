import { type EventPresenceRow, selectEventPresence } from '../../storage/queries/event-presence.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomRecord } from '../rooms/room-event.ts';

/** Events looked up in one read. */
const EVENTS_PER_READ = 5_000;

/** Which events are here already, as far as others of one room rest on them. They have to be looked up first. */
export class KnownEvents {
  readonly #storage: Storage;
  readonly #room: RoomRecord;
  readonly #found = new Map<string, EventPresenceRow | undefined>();

  constructor(storage: Storage, room: RoomRecord) {
    this.#storage = storage;
    this.#room = room;
  }

  /** Looks up those that were not looked up, or all of them where something may have changed. */
  async look(eventIds: readonly string[], { again = false } = {}): Promise<void> {
    const wanted = again ? eventIds : eventIds.filter((eventId) => !this.#found.has(eventId));
    for (let first = 0; first < wanted.length; first += EVENTS_PER_READ) {
      const part = wanted.slice(first, first + EVENTS_PER_READ);
      for (const eventId of part) this.#found.set(eventId, undefined);
      const rows = await this.#storage.read(selectEventPresence, { eventIds: part });
      for (const row of rows) this.#found.set(row.event_id, row);
    }
  }

  /** The state before the event is known, so others may come after it. */
  isPlaced(eventId: string): boolean {
    return this.#found.get(eventId)?.has_state === 1;
  }

  /** It is here in some form, so it may authorize others, or is refused with those that it should. */
  isHere(eventId: string): boolean {
    return this.#found.get(eventId) !== undefined;
  }

  /** It is of another room: whatever names it is refused. */
  isForeign(eventId: string): boolean {
    return (this.#found.get(eventId)?.room_nid ?? this.#room.nid) !== this.#room.nid;
  }

  /** It may stand in a state: a state event of this room that was not rejected. */
  isUsableState(eventId: string): boolean {
    const row = this.#found.get(eventId);
    return row?.room_nid === this.#room.nid && row.is_state_event === 1 && row.is_rejected === 0;
  }
}
