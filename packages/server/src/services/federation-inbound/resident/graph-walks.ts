import type { EventStore } from '../../rooms/event-store.ts';
import type { RoomEvent, RoomRecord } from '../../rooms/room-event.ts';
import type { RoomGate } from './room-gate.ts';
import type { ServedEvents } from './served-events.ts';

/** Most events of one answer to `/backfill`. */
const MAX_BACKFILLED = 100;
/** Most events of one answer to `/get_missing_events`, and how many where no limit is asked for. */
const MAX_MISSING = 50;
const DEFAULT_MISSING = 10;
/** Events from which a walk may begin, or where it may end; more are passed over. */
const MAX_NAMED_EVENTS = 100;

interface GraphWalksParts {
  readonly events: EventStore;
  readonly gate: RoomGate;
  readonly served: ServedEvents;
}

export interface BackfillQuestion {
  /** The server that asks. */
  readonly serverName: string;
  readonly roomId: string;
  readonly from: readonly string[];
  readonly limit: number;
}

export interface MissingQuestion {
  readonly serverName: string;
  readonly roomId: string;
  readonly earliest: readonly string[];
  readonly latest: readonly string[];
  readonly limit: number | undefined;
  readonly minDepth: number | undefined;
}

/**
 * Walks the event graph backwards for other servers. A walk reads at most once for each event it gives.
 * Specification: server-server API, "Backfilling and retrieving missing events".
 */
export class GraphWalks {
  readonly #parts: GraphWalksParts;

  constructor(parts: GraphWalksParts) {
    this.#parts = parts;
  }

  /** These events and those before them, the deepest first. Throws M_FORBIDDEN for a server that is not in the room. */
  async backfill({ serverName, roomId, from, limit }: BackfillQuestion): Promise<string[]> {
    const { room, standing } = await this.#parts.gate.enter(roomId, serverName);
    const wanted = Math.min(Math.max(limit, 0), MAX_BACKFILLED);
    const walk = new Walk(room, this.#parts.events);
    const frontier = await walk.enter(from.slice(0, MAX_NAMED_EVENTS));
    await walk.readAhead(frontier, wanted);
    const found: RoomEvent[] = [];
    while (found.length < wanted && frontier.length > 0) {
      const deepest = takeDeepest(frontier);
      found.push(deepest);
      frontier.push(...(await walk.enter(deepest.pdu.prevEvents)));
    }
    return this.#parts.served.texts(found, { serverName, standing });
  }

  /** What comes before the latest events and not before the earliest, oldest first. Throws M_FORBIDDEN. */
  async missing(question: MissingQuestion): Promise<string[]> {
    const { serverName, roomId, minDepth = 0 } = question;
    const { room, standing } = await this.#parts.gate.enter(roomId, serverName);
    const limit = Math.min(Math.max(question.limit ?? DEFAULT_MISSING, 0), MAX_MISSING);
    const walk = new Walk(room, this.#parts.events);
    walk.pass(question.earliest.slice(0, MAX_NAMED_EVENTS));
    let generation = await walk.enter(question.latest.slice(0, MAX_NAMED_EVENTS));
    const found: RoomEvent[] = [];
    while (found.length < limit && generation.length > 0) {
      const before = await walk.enter(generation.flatMap(({ pdu }) => pdu.prevEvents));
      generation = before.filter(({ pdu }) => pdu.depth >= minDepth).slice(0, limit - found.length);
      found.push(...generation);
    }
    found.sort((left, right) => left.pdu.depth - right.pdu.depth);
    return this.#parts.served.texts(found, { serverName, standing });
  }
}

/** Enters each event once, so that a ring of events ends, too. */
class Walk {
  readonly #room: RoomRecord;
  readonly #events: EventStore;
  readonly #entered = new Set<string>();
  readonly #known = new Map<string, RoomEvent>();

  constructor(room: RoomRecord, events: EventStore) {
    this.#room = room;
    this.#events = events;
  }

  /** Events that are not to be entered. */
  pass(eventIds: readonly string[]): void {
    for (const eventId of eventIds) this.#entered.add(eventId);
  }

  /**
   * Those of the events that are in the room's graph and were not entered before. A soft-failed one is, where another
   * one names it; a rejected one is given to nobody.
   */
  async enter(eventIds: readonly string[]): Promise<RoomEvent[]> {
    const fresh = [...new Set(eventIds)].filter((eventId) => !this.#entered.has(eventId));
    this.pass(fresh);
    const unread = fresh.filter((eventId) => !this.#known.has(eventId));
    const read = unread.length === 0 ? new Map<string, RoomEvent>() : await this.#events.byIds(unread);
    return fresh.flatMap((eventId) => {
      const event = this.#known.get(eventId) ?? read.get(eventId);
      return event !== undefined && this.#isInGraph(event) ? [event] : [];
    });
  }

  /** Reads at once what a walk through a room that never forked will meet. */
  async readAhead(from: readonly RoomEvent[], count: number): Promise<void> {
    const indexes = from.flatMap(({ place }) => (place === undefined ? [] : [place.roomIndex]));
    if (indexes.length === 0 || count < 2) return;
    const range = { after: Number.MIN_SAFE_INTEGER, before: Math.max(...indexes), limit: count };
    for (const event of await this.#events.backwards({ room: this.#room, ...range })) {
      this.#known.set(event.pdu.eventId, event);
    }
  }

  #isInGraph({ room, stateBefore, isRejected }: RoomEvent): boolean {
    return room.nid === this.#room.nid && stateBefore !== undefined && !isRejected;
  }
}

function takeDeepest(frontier: RoomEvent[]): RoomEvent {
  let best = 0;
  for (const [index, event] of frontier.entries()) {
    if (event.pdu.depth > (frontier[best]?.pdu.depth ?? 0)) best = index;
  }
  const [deepest] = frontier.splice(best, 1);
  if (deepest === undefined) throw new Error('There is nothing left to take');
  return deepest;
}
