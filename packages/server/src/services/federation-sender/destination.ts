import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import { deleteOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import { type Storage, StorageFailure } from '../../storage/storage.ts';
import { RemoteServerError } from '../remote-servers/remote-servers.ts';
import { CatchUp } from './catch-up.ts';
import type { DestinationRecords } from './destination-records.ts';
import {
  type DestinationEffect,
  type DestinationInput,
  type DestinationState,
  IDLE,
  stepDestination,
} from './destination-state.ts';
import { type Arrival, type DestinationCursor, LiveQueue, type OutgoingEvent, type QueueBudget } from './live-queue.ts';
import type { OutgoingEvents, OutgoingPdu } from './outgoing-events.ts';
import type { SendingSlots } from './sending-slots.ts';
import type { TransactionDelivery } from './transaction-delivery.ts';
import { MAX_EDUS, MAX_PDUS } from './transaction-text.ts';
import type { Undelivered, WaitingEdu } from './undelivered.ts';

/** What is sent as it happens leaves half a transaction to the sticky events of a room that a server came into. */
const SHARE = MAX_PDUS / 2;
/** Of an error's text that is kept for the operator. */
const MAX_ERROR_LENGTH = 300;

export interface DestinationParts {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly log: Log;
  readonly undelivered: Undelivered;
  readonly events: OutgoingEvents;
  readonly delivery: TransactionDelivery;
  readonly records: DestinationRecords;
  readonly slots: SendingSlots;
  readonly budget: QueueBudget;
  /** Lets a server be asked again that failed a moment ago: when that may be is decided here. */
  readonly forgetFailures: (serverName: string) => void;
  /** Evenly spread over 0 to 1. */
  readonly chance: () => number;
  /** All that was published up to here was offered to the servers that it is for. */
  readonly position: () => number;
  /** Nothing is under way with this one any more, or it is behind no more. */
  readonly onChange: (destination: Destination) => void;
  /** The server answered without a word of the sticky events that it was given because it came into a room. */
  readonly onIgnored: (serverName: string, arrival: Arrival) => void;
  /** Aborted when the sender stops. */
  readonly signal: AbortSignal;
}

/** How a server that is behind was left. */
export interface DestinationStart {
  readonly state: DestinationState;
  readonly cursor: DestinationCursor;
}

/** What is under way with one other server: runs the machine of `destination-state.ts`. */
export class Destination {
  readonly serverName: string;
  readonly #parts: DestinationParts;
  readonly #queue: LiveQueue;
  #state: DestinationState;
  /** Of one that is behind, and of one whose row says so still. */
  #catchUp: CatchUp | undefined;
  /** Where the queue was dropped while a transaction was under way. */
  #droppedAt: DestinationCursor | undefined;
  /** Its row says that it is behind, and it has all that the row says it lacks. */
  isRecovered = false;
  /** What went wrong last, while it goes wrong. */
  #failure: { readonly message: string; readonly atMs: number } | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(serverName: string, parts: DestinationParts, start?: DestinationStart) {
    this.serverName = serverName;
    this.#parts = parts;
    this.#queue = new LiveQueue(parts.budget);
    this.#state = start?.state ?? IDLE;
    if (start !== undefined) this.#catchUp = new CatchUp(serverName, parts.undelivered, start.cursor);
  }

  get state(): DestinationState {
    return this.#state;
  }

  get queue(): LiveQueue {
    return this.#queue;
  }

  /** How far it has come. */
  get cursor(): DestinationCursor {
    if (this.#isBehind && this.#catchUp !== undefined) return this.#catchUp.cursor;
    return this.#queue.cursor(this.#droppedAt ?? samePlace(this.#parts.position()));
  }

  /**
   * The first position of the stream that it may lack, where no row says so; infinite where it lacks nothing or a row
   * does.
   */
  get firstLacking(): number {
    if (this.#isBehind) return Number.POSITIVE_INFINITY;
    const { stickyEffective } = this.#droppedAt ?? samePlace(Number.POSITIVE_INFINITY);
    return Math.min(this.#queue.firstLacking(), stickyEffective);
  }

  offerEvent(event: OutgoingEvent): void {
    this.#offer(event.position, (queue) => queue.offerEvent(event));
  }

  offerArrival(arrival: Omit<Arrival, 'after'>): void {
    this.#offer(arrival.position, (queue) => queue.offerArrival(arrival));
  }

  noteEdu(position: number): void {
    this.#offer(position, (queue) => {
      queue.noteEdu(position);
      return true;
    });
  }

  /** For a server that is live alone: who is behind learns later what is so then. */
  offerEphemeral(key: string, text: string): void {
    if (this.#state.name !== 'idle' && this.#state.name !== 'sending') return;
    this.#queue.offerEphemeral(key, text);
    this.step({ kind: 'news' });
  }

  /** What came after this position was not offered. */
  loseTrack(position: number): void {
    this.#offer(position + 1, () => false);
  }

  /** Writes down how far it has come meanwhile. */
  saveProgress(): void {
    if (this.#state.name === 'catching-up' && this.#catchUp?.takeIsFurther() === true) this.#saveBehind();
  }

  step(input: DestinationInput): void {
    if (this.#parts.signal.aborted) return;
    const { state, effects } = stepDestination(this.#state, input, this.#parts.clock.nowMs());
    this.#state = state;
    for (const effect of effects) this.#run(effect);
  }

  /** Kept when nothing is under way. */
  settled(): Promise<void> {
    return this.#running;
  }

  #offer(position: number, offer: (queue: LiveQueue) => boolean): void {
    // Of one that is behind, and of what overflowed, the tables tell.
    if (this.#state.name === 'backing-off') return;
    if (this.#state.name !== 'idle' && this.#state.isOverflowed) return;
    if (offer(this.#queue)) {
      this.step({ kind: 'news' });
      return;
    }
    if (!this.#isBehind) this.#droppedAt = this.#queue.waitingCursor(samePlace(position - 1));
    this.step({ kind: 'overflow' });
  }

  get #isBehind(): boolean {
    return this.#state.name === 'catching-up' || this.#state.name === 'backing-off';
  }

  #run(effect: DestinationEffect): void {
    switch (effect) {
      case 'send':
        this.#running = this.#attempt(() => this.#sendFromMemory());
        return;
      case 'catch-up':
        this.#running = this.#attempt(() => this.#sendFromTables());
        return;
      case 'drop-memory':
        if (this.#isBehind) this.#queue.clear();
        else this.#queue.drop();
        return;
      case 'save-behind':
        this.#saveBehind();
        return;
      case 'save-live':
        this.#catchUp = undefined;
        this.isRecovered = true;
        return;
      case 'release':
        this.#parts.onChange(this);
    }
  }

  /** One transaction, and what comes of it. */
  async #attempt(send: () => Promise<{ isMoreInTables: boolean }>): Promise<void> {
    const { slots, signal } = this.#parts;
    const leave = await slots.enter(this.serverName);
    let input: DestinationInput;
    try {
      signal.throwIfAborted();
      const { isMoreInTables } = await send();
      this.#failure = undefined;
      // Told at the last moment: what is offered from here on wakes it.
      input = { kind: 'acknowledged', isMoreInTables, isMoreInMemory: !this.#queue.isEmpty };
    } catch (error) {
      if (signal.aborted) return;
      input = this.#failed(error);
    } finally {
      leave();
    }
    this.step(input);
  }

  async #sendFromMemory(): Promise<{ isMoreInTables: boolean }> {
    const { undelivered, events } = this.#parts;
    const queue = this.#queue;
    const { arrival } = queue;
    const taken = queue.takeEvents(arrival === undefined ? MAX_PDUS : SHARE).map((event) => event.eventNid);
    const room = MAX_PDUS - taken.length;
    const [backlog, edus] = await Promise.all([
      arrival === undefined ? [] : undelivered.forArrival(arrival, { upTo: this.#endOf(arrival), limit: room }),
      queue.takeEdus() ? undelivered.edus(this.serverName, MAX_EDUS) : [],
    ]);
    const late = new Set(backlog.map((event) => event.eventNid).filter((nid) => !taken.includes(nid)));
    const pdus = [...(await events.late(this.serverName, [...late], late)), ...(await events.live(taken))];
    const unnamed = await this.#deliver(pdus, edus, queue.takeEphemeral(MAX_EDUS - edus.length));
    const lastEdu = edus.length < MAX_EDUS ? undefined : edus.at(-1);
    queue.settle(lastEdu && lastEdu.position + 1);
    if (arrival !== undefined) {
      queue.settleArrival(arrival, backlog.at(-1)?.position ?? arrival.position, backlog.length < room);
      const isIgnored = pdus.some(({ eventNid, eventId }) => late.has(eventNid) && unnamed.has(eventId));
      if (isIgnored) this.#parts.onIgnored(this.serverName, arrival);
    }
    return { isMoreInTables: false };
  }

  /** What was sent while the server did not look is lacking, too. */
  #endOf({ tries, position }: Arrival): number {
    return tries === 0 ? position : Math.max(position, this.#parts.position());
  }

  async #sendFromTables(): Promise<{ isMoreInTables: boolean }> {
    const catchUp = this.#catchUp;
    if (catchUp === undefined) throw new Error('A server that is not behind was to catch up');
    const { undelivered, events, forgetFailures } = this.#parts;
    forgetFailures(this.serverName);
    // What comes after this waits in memory; so when the tables have nothing more, there is no gap.
    this.#queue.clear();
    const load = await catchUp.next(this.#parts.position());
    const pdus = await events.late(this.serverName, load.eventNids, load.sticky);
    const isToBeProbed =
      this.#state.name === 'catching-up' &&
      this.#state.failures > 0 &&
      load.isLast &&
      (await undelivered.sharesRoom(this.serverName));
    await this.#deliver(pdus, load.edus, [], isToBeProbed);
    catchUp.settle();
    return { isMoreInTables: !load.isLast };
  }

  /**
   * With nothing to say nothing is sent, unless it is to be found out whether the server is there again. Gives the
   * events that the answer does not name.
   */
  async #deliver(
    pdus: readonly OutgoingPdu[],
    edus: readonly WaitingEdu[],
    ephemeral: readonly string[],
    isToBeProbed = false,
  ): Promise<ReadonlySet<string>> {
    if (pdus.length === 0 && edus.length === 0 && ephemeral.length === 0 && !isToBeProbed) return new Set();
    const { delivery, records, slots, clock, storage, signal } = this.#parts;
    const texts = [...edus.map((edu) => edu.text), ...ephemeral];
    const unnamed = await delivery.deliver({ destination: this.serverName, pdus, edus: texts }, signal);
    records.noteSuccess(this.serverName, clock.nowMs());
    slots.noteSuccess(this.serverName);
    for (const [writer, positions] of positionsByWriter(edus)) {
      // Before anything else is read for this server: else they would go out again.
      await storage.write((transaction) => transaction.run(deleteOutgoingEdus, { writer, positions }));
    }
    return unnamed;
  }

  #failed(error: unknown): DestinationInput {
    const { log, clock, slots, chance } = this.#parts;
    const message = (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_LENGTH);
    this.#failure = { message, atMs: clock.nowMs() };
    slots.noteFailure(this.serverName);
    const retryAfterMs = error instanceof RemoteServerError ? error.retryAfterMs : undefined;
    const fields = { destination: this.serverName, error: message };
    if (error instanceof RemoteServerError) {
      const isFirst = this.#state.name !== 'catching-up' || this.#state.failures === 0;
      if (isFirst) log.info('A server does not take what it is sent; it will be tried again', fields);
      else log.debug('A server still does not take what it is sent', fields);
    } else if (error instanceof StorageFailure || error instanceof MatrixError) {
      log.warn('The database kept a transaction from being sent; it will be tried again', { ...fields, error });
    } else {
      log.error('A transaction could not be sent; it will be tried again', { ...fields, error });
    }
    return { kind: 'failed', chance: chance(), retryAfterMs };
  }

  #saveBehind(): void {
    const { records, clock, undelivered, position } = this.#parts;
    const catchUp =
      this.#catchUp ??
      new CatchUp(this.serverName, undelivered, this.#queue.cursor(this.#droppedAt ?? samePlace(position())));
    this.#catchUp = catchUp;
    this.#droppedAt = undefined;
    this.isRecovered = false;
    const nowMs = clock.nowMs();
    const times =
      this.#state.name === 'backing-off' ? this.#state : { failures: 0, triedAtMs: nowMs, retryAtMs: nowMs };
    const { failures, triedAtMs, retryAtMs } = times;
    const { serverName } = this;
    records.saveBehind({ serverName, cursor: catchUp.cursor, failures, triedAtMs, retryAtMs, error: this.#failure });
  }
}

function positionsByWriter(edus: readonly WaitingEdu[]): Map<number, number[]> {
  const positions = new Map<number, number[]>();
  for (const { writer, position } of edus) {
    const known = positions.get(writer);
    if (known === undefined) positions.set(writer, [position]);
    else known.push(position);
  }
  return positions;
}

function samePlace(position: number): DestinationCursor {
  return { eventPosition: position, stickyEffective: position, stickyDue: position };
}
