import { createCache } from '../../cache/create-cache.ts';
import { selectPreviousStates, selectTransactionsOfEvents } from '../../storage/queries/event-details.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import type { RoomEvent } from './room-event.ts';

/** State events whose predecessor is kept in memory: two numbers each. */
const MAX_CACHED_PREDECESSORS = 100_000;
/** Events whose transaction is kept in memory. */
const MAX_CACHED_TRANSACTIONS = 20_000;

/** The request that sent an event. */
export interface SendingRequest {
  readonly deviceId: string;
  readonly transactionId: string;
}

/** Reads what is told about an event in `unsigned` and stands elsewhere. Each answer is one read for a whole list. */
export class EventDetails {
  readonly #storage: Storage;
  readonly #events: EventStore;
  /** Event nid to the nid of the state event before it in its slot, 0 where there was none. */
  readonly #predecessors = createCache<number, number>(MAX_CACHED_PREDECESSORS);
  /** Of events that the user who asked has sent; an event without a remembered request has an empty one. */
  readonly #transactions = createCache<number, Partial<SendingRequest>>(MAX_CACHED_TRANSACTIONS);

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

  /** The transaction IDs by which this device sent these events: event nid to transaction ID. */
  async transactionIds(events: readonly RoomEvent[], userId: string, deviceId: string): Promise<Map<number, string>> {
    const own = events.filter(({ pdu }) => pdu.sender === userId).map(({ nid }) => nid);
    const missing = own.filter((nid) => !this.#transactions.has(nid));
    const found = new Map<number, Partial<SendingRequest>>();
    if (missing.length > 0) {
      for (const row of await this.#storage.read(selectTransactionsOfEvents, { userId, eventNids: missing })) {
        found.set(row.event_nid, { deviceId: row.device_id, transactionId: row.transaction_id });
      }
      for (const nid of missing) this.#transactions.set(nid, found.get(nid) ?? {});
    }
    const answer = new Map<number, string>();
    for (const nid of own) {
      const request = found.get(nid) ?? this.#transactions.get(nid);
      if (request?.deviceId === deviceId && request.transactionId !== undefined) answer.set(nid, request.transactionId);
    }
    return answer;
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
