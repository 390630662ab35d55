import { MAX_PREV_EVENTS } from '@limpet/protocol/parse-pdu';
import { insertRoom } from '../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { MadeEvent, NewEvent } from './event-maker.ts';
import { loadRoom } from './load-room.ts';
import { LoadedRoom } from './loaded-room.ts';
import { type Decide, isOutdated, type PreparedWrite, RoomActor, type RoomActorParts } from './room-actor.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import { UnknownRoom } from './unknown-room.ts';

/** Rooms that are kept in memory; the one longest unused goes first, once nothing of it is being written. */
const MAX_ROOMS = 2_000;
/** How often one request is decided when others' failed writes take the ground from under it. */
const MAX_DECISIONS = 3;
/** Events that bring ends of the graph together before one request, each up to MAX_PREV_EVENTS of them. */
const MAX_MERGES = 50;
/** How often a create event is made before one is found whose room is not there yet. */
const MAX_CREATE_EVENTS = 100;

/** A room that is about to be: everything it begins with, the create event first. */
export interface RoomToCreate {
  /** Asked again where a room of this ID is there already: then another event has to come of it. */
  readonly makeCreate: () => MadeEvent;
  readonly version: RoomRecord['version'];
  readonly isListed: boolean;
  readonly events: readonly NewEvent[];
  /** Further rows of the same batch. */
  readonly alongside?: (transaction: WriteTransaction, roomId: string) => void;
}

/** A room that is ready to be written. It is there once the batch is on disk. */
export interface NewRoom extends PreparedWrite {
  readonly record: RoomRecord;
}

/** Who looks after rooms once they have changed. */
export interface RoomWatcher {
  readonly afterWrite: RoomActorParts['afterWrite'];
  /** Brings ends of the graph together by an event of this server. */
  mergeEnds(roomId: string): Promise<void>;
}

/** An actor, or one that is being loaded. */
interface Entry {
  ready: Promise<RoomActor>;
  actor: RoomActor | undefined;
}

/** The only writer of events: brings each request to the actor of its room. */
export class RoomWriter {
  readonly #parts: RoomActorParts;
  readonly #maxRooms: number;
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>();

  #watcher: RoomWatcher | undefined;

  constructor(parts: Omit<RoomActorParts, 'afterWrite'>, maxRooms = MAX_ROOMS) {
    this.#parts = { ...parts, afterWrite: (room, written) => this.#watcher?.afterWrite(room, written) };
    this.#maxRooms = maxRooms;
  }

  /**
   * Lets `decide` say what to send to a room, and answers with the events when they are on disk. `decide` may be asked
   * again when a write that it rested on failed. Throws M_NOT_FOUND for a room that is not known here.
   */
  async change(roomId: string, decide: Decide): Promise<readonly RoomEvent[]> {
    for (let round = 0; round < MAX_MERGES; round++) {
      const { room } = await this.#actor(roomId);
      if (room.extremities.length <= MAX_PREV_EVENTS) break;
      await this.#watcher?.mergeEnds(roomId);
    }
    return this.changeForked(roomId, decide);
  }

  /** The same for a room whose graph may have more ends than one event can name: for events that come with theirs. */
  async changeForked(roomId: string, decide: Decide): Promise<readonly RoomEvent[]> {
    for (let attempt = 1; ; attempt++) {
      const actor = await this.#actor(roomId);
      try {
        return await actor.perform(decide);
      } catch (error) {
        if (attempt >= MAX_DECISIONS || !isOutdated(error)) throw error;
      }
    }
  }

  /** Once, when everything is put together. */
  watch(watcher: RoomWatcher): void {
    this.#watcher = watcher;
  }

  /**
   * Lets `change` write the room beside its actor, which begins anew after it. Meanwhile all who ask wait. Throws what
   * `change` throws; the room is then as it was.
   */
  async replace<T>(roomId: string, change: () => Promise<T>): Promise<T> {
    const before = this.#entries.get(roomId);
    const done = (async () => {
      // Whoever had the room before is done with it, or will find that it is another one.
      const actor = await before?.ready.catch(() => undefined);
      await actor?.written();
      return change();
    })();
    this.#load(
      roomId,
      done.then(
        () => undefined,
        () => undefined,
      ),
    );
    return done;
  }

  /** Writes a new room in one batch: all of it is there, or nothing. */
  async create(draft: RoomToCreate): Promise<RoomRecord> {
    const { record, ...prepared } = await this.prepare(draft);
    const committed = this.#parts.storage.write(prepared.write, { lane: record.roomId });
    prepared.follow(committed);
    await committed;
    return record;
  }

  /** Makes everything that a new room begins with, for who writes it together with something else. */
  async prepare(draft: RoomToCreate): Promise<NewRoom> {
    const { storage, events, serverName } = this.#parts;
    const { value: nid } = await storage.write((transaction) => transaction.allocate());
    const create = await this.#createEventOfNewRoom(draft);
    const { roomId } = create.pdu;
    const createdTs = create.receivedTs;
    const record: RoomRecord = { nid, roomId, version: draft.version, createdTs };
    const actor = this.#startActor(new LoadedRoom(record, serverName));
    const { write, follow } = await actor.prepare({
      made: [create],
      events: draft.events,
      alongside: (transaction) => {
        const version = record.version.id;
        transaction.run(insertRoom, { roomNid: nid, roomId, version, isListed: Number(draft.isListed), createdTs });
        draft.alongside?.(transaction, roomId);
        // Followers of the stream meet the room as soon as it is committed.
        events.rememberRoom(record);
      },
    });
    return {
      record,
      write,
      follow: (committed) => {
        follow(committed);
        committed.then(
          () => this.#keep(actor),
          () => events.forgetRoom(record),
        );
      },
    };
  }

  #keep(actor: RoomActor): void {
    const entry = { ready: Promise.resolve(actor), actor };
    this.#entries.set(actor.room.roomId, entry);
    this.#shrink(entry);
  }

  /**
   * Where the room ID is the hash of the create event, the same event makes the same room. The clock tells events
   * apart, unless it was set back, or the server was started anew within a millisecond; and who knows what will be made
   * when may have spoken of that room before.
   */
  async #createEventOfNewRoom({ makeCreate }: RoomToCreate): Promise<MadeEvent> {
    for (let count = 0; count < MAX_CREATE_EVENTS; count++) {
      const create = makeCreate();
      if ((await this.#parts.events.room(create.pdu.roomId)) === undefined) return create;
    }
    throw new Error(`Each of ${MAX_CREATE_EVENTS} create events is that of a room which is there already`);
  }

  async #actor(roomId: string): Promise<RoomActor> {
    const entry = this.#entry(roomId);
    return entry.actor ?? entry.ready;
  }

  #entry(roomId: string): Entry {
    const known = this.#entries.get(roomId);
    if (known === undefined) return this.#load(roomId, Promise.resolve());
    // The order of the map is the order of use.
    this.#entries.delete(roomId);
    this.#entries.set(roomId, known);
    return known;
  }

  /** Loads the room once `written`; meanwhile all who ask wait for the same actor. */
  #load(roomId: string, written: Promise<void>): Entry {
    const entry: Entry = { ready: written.then(() => this.#loadNow(roomId)), actor: undefined };
    this.#entries.set(roomId, entry);
    entry.ready.then(
      (actor) => {
        entry.actor = actor;
        this.#shrink(entry);
      },
      // Whoever waits for it is told; the next one tries again.
      () => {
        if (this.#entries.get(roomId) === entry) this.#entries.delete(roomId);
      },
    );
    return entry;
  }

  async #loadNow(roomId: string): Promise<RoomActor> {
    const record = await this.#parts.events.room(roomId);
    if (record === undefined) throw new UnknownRoom(roomId);
    const room = await loadRoom(record, this.#parts);
    if (room === undefined) throw new UnknownRoom(roomId);
    return this.#startActor(room);
  }

  #startActor(room: LoadedRoom): RoomActor {
    const { roomId } = room;
    const actor: RoomActor = new RoomActor(room, this.#parts, () => {
      // A room that was never written has no entry, and nothing to load.
      if (this.#entries.get(roomId)?.actor === actor) this.#load(roomId, actor.written());
    });
    return actor;
  }

  /** `wanted` was just loaded: whoever waits for it has not begun yet. */
  #shrink(wanted: Entry): void {
    for (const [roomId, entry] of this.#entries) {
      if (this.#entries.size <= this.#maxRooms) return;
      if (entry !== wanted && entry.actor?.isIdle) this.#entries.delete(roomId);
    }
  }
}
