import { createCache } from '../../cache/create-cache.ts';
import { selectOriginsOfEvents, selectPreviousStates } from '../../storage/queries/event-details.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import type { RoomEvent } from './room-event.ts';

/** State events whose predecessor is kept in memory: two numbers each. */
const MAX_CACHED_PREDECESSORS = 100_000;
/** Events whose origin is kept in memory. */
const MAX_CACHED_ORIGINS = 20_000;

/** How an event came to be sent: by which request, or as which delayed event. */
interface Origin {
  readonly deviceId?: string;
  readonly transactionId?: string;
  readonly delayId?: string;
}

/** What the sender of an event alone is told of it. */
export interface OwnDetails {
  /** Where the same device sent it. */
  readonly transactionId?: string | undefined;
  readonly delayId?: string | undefined;
}

/** Reads what is told about an event in `unsigned` and stands elsewhere. Each answer is one read for a whole list. */
export class EventDetails {
  readonly #storage: Storage;
  readonly #events: EventStore;
  /** Event nid to the nid of the state event before it in its slot, 0 where there was none. */
  readonly #predecessors = createCache<number, number>(MAX_CACHED_PREDECESSORS);
  /** Of events that the user who asked has sent; of which nothing is remembered, it is empty. */
  readonly #origins = createCache<number, Origin>(MAX_CACHED_ORIGINS);

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  /** What redacted these events: redacted event nid to redaction. */
  async redactions(events: readonly RoomEvent[]): Promise<Map<number, RoomEvent>> {
    const pairs = events.flatMap(({ nid, redactedBy }) =>
      redactedBy === undefined ? [] : [[nid, redactedBy] as const],
    );
    return this.#eventsOfPairs(pairs);
  }

  /** What the slots of these state events held before them: event nid to the event before. */
  async predecessors(events: readonly RoomEvent[]): Promise<Map<number, RoomEvent>> {
    const stateEvents = events.filter(({ pdu, place }) => pdu.stateKey !== undefined && place !== undefined);
    const missing = stateEvents.filter(({ nid }) => !this.#predecessors.has(nid)).map(({ nid }) => nid);
    const found = new Map<number, number>();
    if (missing.length > 0) {
      const rows = await this.#storage.read(selectPreviousStates, { eventNids: missing });
      for (const row of rows) found.set(row.event_nid, row.previous_nid);
      for (const nid of missing) this.#predecessors.set(nid, found.get(nid) ?? 0);
    }
    return this.#eventsOfPairs(
      stateEvents.flatMap(({ nid }) => {
        const previousNid = found.get(nid) ?? this.#predecessors.get(nid) ?? 0;
        return previousNid === 0 ? [] : [[nid, previousNid] as const];
      }),
    );
  }

  /**
   * What this user is told of the events that are his: the transaction IDs by which this device sent them, and the
   * delay IDs of those that were delayed events (G4). By event nid.
   */
  async ofOwn(
    events: readonly RoomEvent[],
    { userId, deviceId }: { userId: string; deviceId: string | undefined },
  ): Promise<Map<number, OwnDetails>> {
    const own = events.filter(({ pdu }) => pdu.sender === userId).map(({ nid }) => nid);
    const missing = own.filter((nid) => !this.#origins.has(nid));
    const found = missing.length === 0 ? new Map<number, Origin>() : await this.#readOrigins(missing, userId);
    const answer = new Map<number, OwnDetails>();
    for (const nid of own) {
      const origin = found.get(nid) ?? this.#origins.get(nid);
      if (origin === undefined) continue;
      const isOfDevice = deviceId !== undefined && origin.deviceId === deviceId;
      answer.set(nid, {
        transactionId: isOfDevice ? origin.transactionId : undefined,
        delayId: origin.delayId,
      });
    }
    return answer;
  }

  async #readOrigins(eventNids: readonly number[], userId: string): Promise<Map<number, Origin>> {
    const found = new Map<number, Origin>();
    for (const row of await this.#storage.read(selectOriginsOfEvents, { userId, eventNids })) {
      const { device_id: deviceId, transaction_id: transactionId, delay_id: delayId } = row;
      found.set(row.event_nid, {
        ...(deviceId === null || transactionId === null ? {} : { deviceId, transactionId }),
        ...(delayId === null ? {} : { delayId }),
      });
    }
    for (const nid of eventNids) this.#origins.set(nid, found.get(nid) ?? {});
    return found;
  }

  async #eventsOfPairs(pairs: readonly (readonly [number, number])[]): Promise<Map<number, RoomEvent>> {
    const answer = new Map<number, RoomEvent>();
    if (pairs.length === 0) return answer;
    const events = await this.#events.byNids(pairs.map(([, nid]) => nid));
    for (const [of, nid] of pairs) {
      const event = events.get(nid);
      if (event !== undefined) answer.set(of, event);
    }
    return answer;
  }
}
