import { createCache } from '../../cache/create-cache.ts';
import type { EventStore } from './event-store.ts';
import type { HistoricalState } from './historical-state.ts';
import { membershipOf } from './history-visibility.ts';
import type { MembershipRecord } from './membership-reader.ts';
import type { RoomEvent } from './room-event.ts';

/** How many member events back from the present one the end of the last join is looked for. */
const MAX_MEMBER_EVENTS_BACK = 20;
/** Partings kept in memory. */
const MAX_CACHED_PARTINGS = 10_000;

/** Finds the event by which a user who is not joined left the room: the end of the last join. */
export class PartingEvents {
  readonly #events: EventStore;
  readonly #history: HistoricalState;
  /** By the nid of the present member event: the nid of the parting one, 0 where the user was never joined. */
  readonly #partings = createCache<number, number>(MAX_CACHED_PARTINGS);

  constructor(events: EventStore, history: HistoricalState) {
    this.#events = events;
    this.#history = history;
  }

  /** `undefined` for who was never joined, or has made more than a few membership changes since. */
  async of(record: MembershipRecord): Promise<RoomEvent | undefined> {
    const known = this.#partings.get(record.eventNid);
    if (known !== undefined) return known === 0 ? undefined : this.#event(known);
    const parting = await this.#find(record);
    this.#partings.set(record.eventNid, parting?.nid ?? 0);
    return parting;
  }

  /** Goes back from one member event to the one before it, until that one is a join. */
  async #find({ eventNid, userId }: MembershipRecord): Promise<RoomEvent | undefined> {
    let event = await this.#event(eventNid);
    for (let back = 0; back < MAX_MEMBER_EVENTS_BACK; back += 1) {
      if (event?.stateBefore === undefined || event.place === undefined) return undefined;
      const slots = await this.#history.slotAt([event.stateBefore], 'm.room.member', userId);
      const before = await this.#event(slots.get(event.stateBefore));
      if (membershipOf(before?.pdu) === 'join') return event;
      event = before;
    }
    return undefined;
  }

  async #event(nid: number | undefined): Promise<RoomEvent | undefined> {
    return nid === undefined ? undefined : (await this.#events.byNids([nid])).get(nid);
  }
}
