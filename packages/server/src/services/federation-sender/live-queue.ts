import { MAX_EDUS } from './transaction-text.ts';

/** Events that wait in memory for one server; beyond it the tables tell what it lacks. */
const MAX_EVENTS = 1_000;
/** Rooms that one server came into and whose sticky events wait for it. */
const MAX_ARRIVALS = 100;
/** Typing and receipts that wait for one server; beyond it the oldest are dropped. */
const MAX_EPHEMERAL = MAX_EDUS;

/** An event for other servers; one value for all of them. */
export interface OutgoingEvent {
  readonly eventNid: number;
  readonly position: number;
}

/** A server came into a room: it gets the sticky events that stand before this (D4). */
export interface Arrival {
  readonly roomNid: number;
  readonly writer: number;
  readonly position: number;
  /** How often they went out before, to a server that did not look at them. */
  readonly tries: number;
  /** How far it has them. */
  after: number;
}

/** How many events wait in memory for all servers together. */
export interface QueueBudget {
  used: number;
  readonly limit: number;
}

/** How far a server has come: see the table `destinations`. */
export interface DestinationCursor {
  readonly eventPosition: number;
  readonly stickyEffective: number;
  readonly stickyDue: number;
}

/** What waits in memory for one server that is live, and what of it is under way. */
export class LiveQueue {
  readonly #budget: QueueBudget;
  #events: OutgoingEvent[] = [];
  #eventsUnderWay: readonly OutgoingEvent[] = [];
  #arrivals: Arrival[] = [];
  /** The oldest EDU of the table that it has not got. */
  #edusFrom: number | undefined;
  #edusUnderWayFrom: number | undefined;
  /** By what they replace. */
  #ephemeral = new Map<string, string>();

  constructor(budget: QueueBudget) {
    this.#budget = budget;
  }

  /** Whether there was room for it. */
  offerEvent(event: OutgoingEvent): boolean {
    if (this.#events.length >= MAX_EVENTS || this.#budget.used >= this.#budget.limit) return false;
    this.#budget.used++;
    this.#events.push(event);
    return true;
  }

  offerArrival(arrival: Omit<Arrival, 'after'>): boolean {
    if (this.#arrivals.length >= MAX_ARRIVALS) return false;
    this.#arrivals.push({ ...arrival, after: 0 });
    return true;
  }

  noteEdu(position: number): void {
    this.#edusFrom ??= position;
  }

  /** One that says the same thing newly (`key`) takes the place of the old one. `text` is the whole EDU. */
  offerEphemeral(key: string, text: string): void {
    this.#ephemeral.delete(key);
    this.#ephemeral.set(key, text);
    const [oldest] = this.#ephemeral.keys();
    if (this.#ephemeral.size > MAX_EPHEMERAL && oldest !== undefined) this.#ephemeral.delete(oldest);
  }

  get isEmpty(): boolean {
    return (
      this.#events.length === 0 &&
      this.#arrivals.length === 0 &&
      this.#edusFrom === undefined &&
      this.#ephemeral.size === 0
    );
  }

  get arrival(): Arrival | undefined {
    return this.#arrivals[0];
  }

  get eventCount(): number {
    return this.#events.length + this.#eventsUnderWay.length;
  }

  /** Those under way first. */
  get events(): readonly OutgoingEvent[] {
    return [...this.#eventsUnderWay, ...this.#events];
  }

  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  /** These are under way from now on, until `settle` or `drop`. */
  takeEvents(limit: number): readonly OutgoingEvent[] {
    this.#eventsUnderWay = this.#events.slice(0, limit);
    this.#events = this.#events.slice(limit);
    return this.#eventsUnderWay;
  }

  /** Whether there are any in the table. */
  takeEdus(): boolean {
    this.#edusUnderWayFrom = this.#edusFrom;
    this.#edusFrom = undefined;
    return this.#edusUnderWayFrom !== undefined;
  }

  takeEphemeral(limit: number): string[] {
    const taken = [...this.#ephemeral].slice(0, limit);
    for (const [key] of taken) this.#ephemeral.delete(key);
    return taken.map(([, text]) => text);
  }

  /** What was under way is acknowledged. `edusLeftFrom`: a table that had more EDUs than fit. */
  settle(edusLeftFrom: number | undefined): void {
    this.#budget.used -= this.#eventsUnderWay.length;
    this.#eventsUnderWay = [];
    this.#edusUnderWayFrom = undefined;
    if (edusLeftFrom !== undefined) this.#edusFrom = edusLeftFrom;
  }

  /** The arrival that was under way has got its sticky events up to here; all of them, if `isDone`. */
  settleArrival(arrival: Arrival, upTo: number, isDone: boolean): void {
    // It may have been dropped meanwhile.
    if (this.#arrivals[0] !== arrival) return;
    arrival.after = upTo;
    if (isDone) this.#arrivals.shift();
  }

  /** Forgets what waits; what is under way stays. */
  drop(): void {
    this.#budget.used -= this.#events.length;
    this.#events = [];
    this.#arrivals = [];
    this.#edusFrom = undefined;
    this.#ephemeral.clear();
  }

  /** Forgets all. */
  clear(): void {
    this.drop();
    this.settle(undefined);
  }

  /** How far the server has come, if it has everything up to `upTo` but what is here. */
  cursor(upTo: DestinationCursor): DestinationCursor {
    return this.#cursorBefore(this.#eventsUnderWay[0] ?? this.#events[0], upTo);
  }

  /** The same, once what is under way is acknowledged. */
  waitingCursor(upTo: DestinationCursor): DestinationCursor {
    return this.#cursorBefore(this.#events[0], upTo);
  }

  #cursorBefore(firstEvent: OutgoingEvent | undefined, upTo: DestinationCursor): DestinationCursor {
    const eventPosition = Math.min(upTo.eventPosition, (firstEvent?.position ?? Number.POSITIVE_INFINITY) - 1);
    const [arrival] = this.#arrivals;
    const { stickyEffective, stickyDue } = lowerRank(
      lowerRank(upTo, { stickyEffective: eventPosition, stickyDue: eventPosition }),
      arrival === undefined ? upTo : { stickyEffective: arrival.position, stickyDue: arrival.after },
    );
    return { eventPosition, stickyEffective, stickyDue };
  }

  /** Everything of the tables before this has been acknowledged. */
  firstLacking(): number {
    const places = [
      (this.#eventsUnderWay[0] ?? this.#events[0])?.position,
      this.#arrivals[0]?.position,
      this.#edusUnderWayFrom,
      this.#edusFrom,
    ];
    return Math.min(...places.map((place) => place ?? Number.POSITIVE_INFINITY));
  }
}

type StickyRank = Pick<DestinationCursor, 'stickyEffective' | 'stickyDue'>;

function lowerRank(left: StickyRank, right: StickyRank): StickyRank {
  if (left.stickyEffective !== right.stickyEffective)
    return left.stickyEffective < right.stickyEffective ? left : right;
  return left.stickyDue <= right.stickyDue ? left : right;
}
