import type { ReceivedEvent, Reception } from '../rooms/received-event.ts';
import type { RoomReceiver } from '../rooms/room-receiver.ts';
import { fetchAuthEvents } from './fetch-auth-events.ts';
import { type FetchedState, fetchState } from './fetch-state.ts';
import { type EventPool, type Fetching, pdusOf } from './fetching.ts';
import { missingPrevEvents, splitReady } from './missing-events.ts';
import { orderEvents } from './order-events.ts';
import { walkMissingEvents } from './walk-missing-events.ts';

/** States that are fetched in one try; events with other gaps wait for the next one. */
const MAX_STATES = 5;

export interface PlacingParts {
  readonly receiver: RoomReceiver;
  readonly fetching: Fetching;
  /** Marks what a policy server refuses (H1). */
  readonly applyPolicy: (events: readonly ReceivedEvent[]) => Promise<readonly ReceivedEvent[]>;
}

/** What became of an event; `waiting`: something that it rests on could not be got. */
export type PlaceOutcome =
  | Reception
  | { readonly outcome: 'waiting'; readonly reason: string; readonly missing: readonly string[] };

/**
 * Brings events of one room into it, with whatever they rest on that is not here: missing events are walked back to,
 * then what authorizes them is fetched, then the state where a gap stays. What can be received then is so in one call
 * (E3).
 */
export async function placeEvents(
  events: readonly ReceivedEvent[],
  parts: PlacingParts,
): Promise<ReadonlyMap<string, PlaceOutcome>> {
  const { fetching } = parts;
  const pool: EventPool = new Map(events.map((event) => [event.pdu.eventId, event]));
  await walkMissingEvents(pool, fetching);
  await keepOutliers(await fetchAuthEvents(pool, fetching), parts);
  const gaps = gapsOf(pool, fetching);
  const states = new Map<string, FetchedState>();
  for (const eventId of gaps.slice(0, MAX_STATES)) {
    const state = await fetchState(eventId, fetching);
    if (state === undefined) continue;
    await keepOutliers(state.outliers, parts);
    states.set(eventId, state);
  }
  return new Placing(pool, parts).placeAll(states);
}

async function keepOutliers(outliers: EventPool, { receiver, fetching }: PlacingParts): Promise<void> {
  if (outliers.size === 0) return;
  await receiver.keepOutliers(fetching.room, [...outliers.values()]);
  await fetching.known.look([...outliers.keys()], { again: true });
}

/** The events of the pool whose previous events are still missing, the oldest first. */
function gapsOf(pool: EventPool, { known }: Fetching): string[] {
  const pdus = pdusOf(pool);
  const missing = missingPrevEvents(pdus, known);
  if (missing.size === 0) return [];
  const { ordered } = orderEvents([...pdus.values()]);
  return ordered.filter((pdu) => pdu.prevEvents.some((prev) => missing.has(prev))).map(({ eventId }) => eventId);
}

/** Step 4: receives what can be, and says of the rest what it waits for. */
class Placing {
  readonly #pool: EventPool;
  readonly #parts: PlacingParts;
  readonly #outcomes = new Map<string, PlaceOutcome>();

  constructor(pool: EventPool, parts: PlacingParts) {
    this.#pool = pool;
    this.#parts = parts;
  }

  async placeAll(states: ReadonlyMap<string, FetchedState>): Promise<ReadonlyMap<string, PlaceOutcome>> {
    const { known } = this.#parts.fetching;
    const { ordered, circular } = orderEvents([...pdusOf(this.#pool).values()]);
    for (const { eventId } of circular) this.#outcomes.set(eventId, CIRCULAR);
    const { ready, waiting } = splitReady(ordered, known, new Set(states.keys()));
    const statesBefore = [...states].map(([eventId, { ids }]) => {
      return [eventId, ids.state.filter((one) => known.isUsableState(one))] as const;
    });
    await this.#receive(ready, new Map(statesBefore));
    for (const pdu of waiting) this.#outcomes.set(pdu.eventId, this.#waiting(pdu));
    return this.#outcomes;
  }

  async #receive(ready: readonly Placed[], statesBefore: ReadonlyMap<string, readonly string[]>): Promise<void> {
    const received = ready.flatMap(({ eventId }) => this.#pool.get(eventId) ?? []);
    if (received.length === 0) return;
    const events = await this.#parts.applyPolicy(received);
    const { roomId } = this.#parts.fetching.room;
    const receptions = await this.#parts.receiver.receive(roomId, events, { statesBefore });
    for (const [index, reception] of receptions.entries()) {
      const eventId = events[index]?.pdu.eventId;
      if (eventId !== undefined) this.#outcomes.set(eventId, reception);
    }
  }

  #isDone(eventId: string): boolean {
    const outcome = this.#outcomes.get(eventId)?.outcome;
    return outcome !== undefined && outcome !== 'missing' && outcome !== 'waiting';
  }

  #waiting({ prevEvents, authEvents }: Placed): PlaceOutcome {
    const { known } = this.#parts.fetching;
    const missing = prevEvents.filter((eventId) => !known.isPlaced(eventId) && !this.#isDone(eventId));
    if (missing.length > 0) return { outcome: 'waiting', reason: NO_PREV_EVENTS, missing };
    const unauthorized = authEvents.filter((eventId) => !known.isHere(eventId) && !this.#isDone(eventId));
    return { outcome: 'waiting', reason: NO_AUTH_EVENTS, missing: unauthorized };
  }
}

const NO_PREV_EVENTS = 'The events before it could not be had from any server.';
const NO_AUTH_EVENTS = 'The events that authorize it could not be had from any server.';

type Placed = ReceivedEvent['pdu'];

const CIRCULAR: PlaceOutcome = { outcome: 'rejected', reason: 'The event rests on itself.' };
