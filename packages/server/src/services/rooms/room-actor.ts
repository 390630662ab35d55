import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { MAX_PREV_EVENTS } from '@limpet/protocol/parse-pdu';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { type Committed, ExpectationFailed, StaleBatch, type WriteTransaction } from '../../storage/storage.ts';
import { type Appended, type Arrival, appendEvent, EXTREMITY_EXPECTATION } from './append-event.ts';
import type { BegunEvent, EventContext, EventMaker, MadeEvent, NewEvent } from './event-maker.ts';
import { loadMembers, loadSnapshotPieces, type RoomSources } from './load-room.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { Projection } from './projection.ts';
import { appendPlanned } from './receiving/append-planned.ts';
import { appendReleased } from './receiving/append-released.ts';
import type { PlannedArrival } from './receiving/planned-arrival.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import { SLOT_EXPECTATION, type Slot } from './slot-table.ts';
import { identityOf } from './state-ref.ts';
import { TurnQueue } from './turn-queue.ts';

/** Requests of one room that may wait, for their turn or for the disk. */
const MAX_WAITING = 5_000;
/** Member events that one room keeps in memory. */
const MAX_LOADED_MEMBERS = 2_000;
/** Snapshots up to this many entries stay in memory after their commit, for the next one to take over. */
const MAX_KEPT_ENTRIES = 64;

export interface RoomActorParts extends RoomSources {
  readonly maker: EventMaker;
  readonly projections: readonly Projection[];
  /** Told after each write that went well; it must not throw and must not take long: note and begin. */
  readonly afterWrite: (room: LoadedRoom, written: { readonly hasNewState: boolean }) => void;
  /**
   * Asks the policy server of a room that has one; the event as it is to be sent. The room's turn waits for it, as the
   * signature is on the event where it stands in the graph. Throws M_FORBIDDEN where it is not welcome.
   */
  readonly approve?: ((room: RoomRecord, made: MadeEvent) => Promise<MadeEvent>) | undefined;
}

/** What a request decided to do to the room. */
export interface Decision {
  /** Events that were made already and are known to be allowed; they come first. */
  readonly made?: readonly MadeEvent[];
  /** In the order they are sent; all or none. None is a decision too. */
  readonly events: readonly NewEvent[];
  /** Events from elsewhere, planned on the room as it is in this turn; `events` are none then. */
  readonly planned?: readonly PlannedArrival[];
  /** Events that were kept back and get their place in the timeline now; they come last. */
  readonly released?: readonly RoomEvent[];
  /** A room that begins in the same batch, or not at all. */
  readonly newRoom?: PreparedWrite;
  /** Further rows of the same batch; `events` are those above as they are written. */
  readonly alongside?: ((transaction: WriteTransaction, events: readonly RoomEvent[]) => void) | undefined;
}

/** Everything that one batch does to a room, made and allowed. It is written once: then its actor stands behind it. */
export interface PreparedWrite {
  /** Adds it to the batch, and moves the room in memory past it; the events that are written. */
  write(transaction: WriteTransaction): readonly RoomEvent[];
  /** To be called with the batch's promise, as soon as there is one. */
  follow(committed: Promise<unknown>): void;
}

/** Looks at the room and says what to send. It has the room for itself until it is done. */
export type Decide = (room: RoomInTurn) => Decision | Promise<Decision>;

/** The room as whoever decides about it sees it. */
export interface RoomInTurn {
  readonly room: LoadedRoom;
  /** Has to be called before the member events of these users are looked at. */
  loadMembers(...userIds: readonly string[]): Promise<void>;
  /** Kept when all that was decided before is on disk: for who reads more of the room than is in memory. */
  written(): Promise<void>;
  /** An event of a user of this server, made now. Throws as `EventMaker.make`. */
  make(event: NewEvent, context: EventContext): MadeEvent;
}

/** This actor has seen a write fail; another one has to decide. */
class RoomOutdated extends Error {
  constructor() {
    super('The room in memory is ahead of what could be written');
    this.name = 'RoomOutdated';
  }
}

/** Whether a decision that failed so should be made once more, on the room as the disk has it. */
export function isOutdated(error: unknown): boolean {
  if (error instanceof StaleBatch || error instanceof RoomOutdated) return true;
  return error instanceof ExpectationFailed && OUTDATED_EXPECTATIONS.has(error.expectation);
}

const OUTDATED_EXPECTATIONS: ReadonlySet<string> = new Set([EXTREMITY_EXPECTATION, SLOT_EXPECTATION]);

/**
 * The one that writes a room. It decides in memory, one request after the other, and does not wait for the disk between
 * them; each request is answered when its own batch is committed. Once a batch fails, what is in memory rests on
 * nothing: the actor ends, and all that waited for it begin again on another one.
 */
export class RoomActor {
  readonly room: LoadedRoom;
  readonly #parts: RoomActorParts;
  readonly #turns = new TurnQueue();
  readonly #onFailure: () => void;
  #waiting = 0;
  #isOutdated = false;
  /** Ends with the write that was queued last, and so with all before it. */
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(room: LoadedRoom, parts: RoomActorParts, onFailure: () => void) {
    this.room = room;
    this.#parts = parts;
    this.#onFailure = onFailure;
  }

  get isIdle(): boolean {
    return this.#waiting === 0;
  }

  /** When everything that was handed to the storage is on disk, or has failed. */
  written(): Promise<void> {
    return this.#lastWrite;
  }

  /** The events that were sent, once they are on disk. Throws what `isOutdated` tells when it has to be asked again. */
  async perform(decide: Decide): Promise<readonly RoomEvent[]> {
    if (this.#waiting >= MAX_WAITING) throw limitExceeded('Too much is being sent to this room. Try again.');
    this.#waiting++;
    try {
      const written = await this.#decide(decide);
      if (written !== undefined) return (await written.committed).value;
      await this.#settled();
      return [];
    } catch (error) {
      if (error instanceof MatrixError) await this.#settled();
      throw error;
    } finally {
      this.#waiting--;
    }
  }

  /** Makes what a room begins with that nobody knows yet, to be written with something else. */
  async prepare(decision: Decision): Promise<PreparedWrite> {
    return this.#prepared(await this.#makeAll(decision), decision);
  }

  /**
   * To refuse, or to find nothing to do, is an answer too: it is given once what it rests on is on disk. Throws
   * RoomOutdated when that failed.
   */
  async #settled(): Promise<void> {
    await this.#lastWrite;
    if (this.#isOutdated) throw new RoomOutdated();
  }

  /** The write is under way when this is done; who waits next may decide at once. */
  async #decide(decide: Decide): Promise<{ committed: Promise<Committed<readonly RoomEvent[]>> } | undefined> {
    const turn = this.#turns.enter();
    if (turn !== undefined) await turn;
    try {
      if (this.#isOutdated) throw new RoomOutdated();
      if (this.room.knownMembers.size > MAX_LOADED_MEMBERS) await this.#forgetMembers();
      const decision = await decide({
        room: this.room,
        loadMembers: (...userIds) => this.#loadMembers(userIds),
        written: () => this.#settled(),
        make: (event, context) => this.#parts.maker.make(event, context),
      });
      if (isNothing(decision)) return undefined;
      const arrivals = await this.#makeAll(decision);
      if (this.#isOutdated) throw new RoomOutdated();
      return { committed: this.#write(arrivals, decision) };
    } finally {
      this.#turns.leave();
    }
  }

  /** Makes the events one on top of the other; the room in memory is not moved yet. */
  async #makeAll({ made = [], events }: Decision): Promise<Arrival[]> {
    const { projections, storage } = this.#parts;
    for (const projection of projections) await projection.prepare?.(this.room);
    const { record, extremities } = this.room;
    const isOne = made.length + events.length === 1;
    const state = isOne ? this.room.state : new Map(this.room.state);
    // As many as one event can name; where nobody may bring them together, there are more (`RoomWriter.change`).
    let previous = extremities.slice(0, MAX_PREV_EVENTS).map((extremity) => extremity.pdu);
    const arrivals: Arrival[] = [];
    for (const next of [...made, ...events]) {
      if (!('pdu' in next)) await this.#loadMembersInto(state, usersNamedBy(next));
      const context = { roomId: record.roomId, version: record.version, state, previous };
      const one = 'pdu' in next ? await this.#approved(next) : await this.#made(next, context);
      arrivals.push(await this.#arrivalOf(one));
      previous = [one.pdu];
      if (one.pdu.stateKey !== undefined && !isOne) state.set(stateMapKey(one.pdu.type, one.pdu.stateKey), one.pdu);
    }
    await loadSnapshotPieces(this.room.current, arrivals.length + 1, storage);
    return arrivals;
  }

  /** State may be looked at, by the next event or an invite, before it is on disk; so it is signed at once. */
  #made(event: NewEvent, context: EventContext): MadeEvent | BegunEvent | Promise<MadeEvent> {
    const { maker } = this.#parts;
    if (this.#hasPolicy()) return this.#approved(maker.make(event, context));
    return event.stateKey === undefined ? maker.begin(event, context) : maker.make(event, context);
  }

  async #approved(made: MadeEvent): Promise<MadeEvent> {
    const { approve } = this.#parts;
    return this.#hasPolicy() && approve !== undefined ? approve(this.room.record, made) : made;
  }

  #hasPolicy(): boolean {
    return this.room.state.has(stateMapKey('m.room.policy', ''));
  }

  async #arrivalOf(made: MadeEvent | BegunEvent): Promise<Arrival> {
    const { type, stateKey, redacts } = made.pdu;
    const { slots, events } = this.#parts;
    const slot =
      stateKey === undefined ? undefined : (slots.cached(type, stateKey) ?? (await slots.load(type, stateKey)));
    const isRedaction = type === 'm.room.redaction' && redacts !== undefined;
    const target = isRedaction ? (await events.byIds([redacts])).get(redacts) : undefined;
    return { ...made, slot, redacts: target };
  }

  #write(arrivals: readonly Arrival[], decision: Decision): Promise<Committed<readonly RoomEvent[]>> {
    const prepared = this.#prepared(arrivals, decision);
    const committed = this.#parts.storage.write((transaction) => prepared.write(transaction), {
      lane: this.room.roomId,
    });
    prepared.follow(committed);
    return committed;
  }

  #prepared(arrivals: readonly Arrival[], decision: Decision): PreparedWrite {
    const { alongside, newRoom, planned = [], released = [] } = decision;
    const slots = [...arrivals, ...planned].flatMap(({ slot }) => slot ?? []);
    const appended: Appended[] = [];
    let isBegun = false;
    let hasNewState = false;
    const write = (transaction: WriteTransaction) => {
      isBegun = true;
      const before = this.room.current;
      const batch = new Map<string, RoomEvent>();
      const parts = { ...this.#parts, batch };
      for (const plan of planned) appended.push(appendPlanned(transaction, this.room, plan, parts));
      for (const arrival of arrivals) appended.push(appendEvent(transaction, this.room, arrival, this.#parts));
      for (const event of released) appended.push(appendReleased(transaction, this.room, event, this.#parts));
      for (const one of appended) this.#remember(one);
      hasNewState = planned.length + arrivals.length > 0 && identityOf(before) !== identityOf(this.room.current);
      const events = appended.map((one) => one.event);
      newRoom?.write(transaction);
      alongside?.(transaction, events);
      return events;
    };
    const follow = (committed: Promise<unknown>) => {
      newRoom?.follow(committed);
      const settled = committed.then(
        () => this.#succeed(appended, slots, hasNewState),
        (error) => {
          const isSlotTaken = error instanceof ExpectationFailed && error.expectation === SLOT_EXPECTATION;
          if (isSlotTaken) this.#forgetSlots(slots);
          if (isBegun) this.#fail(appended);
        },
      );
      const lastWrite = this.#lastWrite;
      // One that the storage did not take at all ends before those that wait.
      this.#lastWrite = settled.then(() => lastWrite);
    };
    return { write, follow };
  }

  #succeed(appended: readonly Appended[], slots: readonly Slot[], hasNewState: boolean): void {
    for (const slot of slots) slot.isCommitted = true;
    for (const snapshot of appended.flatMap(({ snapshots }) => snapshots)) {
      if (snapshot.entries !== undefined && snapshot.entries.size > MAX_KEPT_ENTRIES) snapshot.entries = undefined;
    }
    this.#parts.afterWrite(this.room, { hasNewState });
  }

  /** Followers of the stream meet the event before this actor hears of the commit, so it is known from now on. */
  #remember({ event, redacted }: Appended): void {
    this.#parts.events.remember(event);
    if (redacted !== undefined) this.#parts.events.remember(redacted);
  }

  #forgetSlots(slots: readonly Slot[]): void {
    for (const slot of slots) if (!slot.isCommitted) this.#parts.slots.forget(slot);
  }

  #fail(appended: readonly Appended[]): void {
    for (const { event, redacted } of appended) {
      this.#parts.events.forget(event.nid);
      if (redacted !== undefined) this.#parts.events.forget(redacted.nid);
    }
    if (this.#isOutdated) return;
    this.#isOutdated = true;
    this.#onFailure();
  }

  async #loadMembers(userIds: readonly string[]): Promise<void> {
    const missing = userIds.filter((userId) => !this.room.knownMembers.has(userId));
    if (missing.length > 0) await loadMembers(this.room, missing, this.#parts);
  }

  /** For events that rest on others of the same decision: what those set goes before what the room has. */
  async #loadMembersInto(state: Map<string, Pdu>, userIds: readonly string[]): Promise<void> {
    await this.#loadMembers(userIds);
    if (state === this.room.state) return;
    for (const userId of userIds) {
      const key = stateMapKey('m.room.member', userId);
      const member = this.room.state.get(key);
      if (member !== undefined && !state.has(key)) state.set(key, member);
    }
  }

  /** What is read again must be on disk first. */
  async #forgetMembers(): Promise<void> {
    await this.written();
    if (this.#isOutdated) throw new RoomOutdated();
    this.room.forgetMembers();
  }
}

/** Whose member events the rules look at to authorize this event. */
function usersNamedBy({ sender, type, stateKey, content }: NewEvent): string[] {
  if (type !== 'm.room.member' || stateKey === undefined) return [sender];
  const authorisingUser = content.join_authorised_via_users_server;
  return typeof authorisingUser === 'string' ? [sender, stateKey, authorisingUser] : [sender, stateKey];
}

function isNothing({ made = [], events, planned = [], released = [], newRoom, alongside }: Decision): boolean {
  const count = made.length + events.length + planned.length + released.length;
  return count === 0 && newRoom === undefined && alongside === undefined;
}
