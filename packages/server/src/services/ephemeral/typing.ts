import { limitExceeded } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { deleteTypingRooms, insertTypingRoom, selectTypingRooms } from '../../storage/queries/typing.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { RoomRecord } from '../rooms/room-event.ts';

/** Longest time that one request may say somebody is typing; clients say 30 s and say it again. */
const MAX_TYPING_MS = 120_000;
/** When a request does not say how long. */
const DEFAULT_TYPING_MS = 30_000;
/** People typing on the whole server. Each has a timer. */
const MAX_TYPISTS = 20_000;
/** Shown in one room: no client lists more. Who comes later is shown when he says it again and there is room. */
const MAX_TYPISTS_PER_ROOM = 50;
/** What the refused one is told to wait. */
const RETRY_AFTER_MS = 5_000;
/** Rooms without typists of which it is known when the last one stopped. */
const MAX_QUIET_ROOMS = 20_000;
/** A room's mark stays this long after its last typist, so that who missed the end of it learns it after a restart. */
const MARK_LIFETIME_MS = 600_000;
/** How often old marks are looked for. */
const SWEEP_EVERY_MS = 60_000;
/** Marks removed, and rooms told after a restart, in one batch. */
const ROOMS_PER_BATCH = 500;

interface Typist {
  readonly userId: string;
  timer: Timer;
}

/** A room where somebody types, or typed lately. */
interface TypingRoom {
  readonly room: RoomRecord;
  /** By user ID, in the order in which they began. */
  readonly typists: Map<string, Typist>;
}

/**
 * Who is typing where, in memory alone: it is over before a restart is. What survives one is a mark for each room where
 * somebody typed lately, so that its clients are told that nobody does any more.
 * Specification: client-server API, "Typing Notifications".
 */
export class Typing {
  readonly #storage: Storage;
  readonly #platform: Platform;
  readonly #events: EventStore;
  readonly #rooms = new Map<string, TypingRoom>();
  /** Where the typists of a room changed last: rooms where nobody types now, and those where somebody does. */
  readonly #quiet = createCache<string, number>(MAX_QUIET_ROOMS);
  readonly #active = new Map<string, number>();
  /** Rooms with a mark in the table, and when somebody typed there last, on the monotonic clock. */
  readonly #marked = new Map<number, number>();
  /** Rooms where somebody stopped and the database could not take the news; as many as there were typists at most. */
  readonly #unannounced = new Map<number, RoomRecord>();
  #writer = 0;
  #typists = 0;
  #sweepTimer: Timer | undefined;
  #unfollow: (() => void) | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(storage: Storage, platform: Platform, events: EventStore) {
    this.#storage = storage;
    this.#platform = platform;
    this.#events = events;
  }

  /** Once, before any client is answered: tells the rooms marked before the restart that nobody types there. */
  async start(): Promise<void> {
    const rows = await this.#storage.read(selectTypingRooms, {});
    for (let first = 0; first < rows.length; first += ROOMS_PER_BATCH) {
      const nids = rows.slice(first, first + ROOMS_PER_BATCH).map((row) => row.room_nid);
      const rooms = await this.#events.rooms(nids);
      await this.#storage.write((transaction) => {
        for (const room of rooms.values()) this.#publish(transaction, room.roomId);
      });
      for (const nid of nids) this.#marked.set(nid, this.#platform.clock.monotonicMs());
    }
    this.#unfollow = this.#storage.stream.follow((changes) => this.#noteLeavers(changes));
    this.#waitForSweep();
  }

  async stop(): Promise<void> {
    this.#unfollow?.();
    this.#sweepTimer?.cancel();
    this.#sweepTimer = undefined;
    for (const { typists } of this.#rooms.values()) for (const typist of typists.values()) typist.timer.cancel();
    this.#rooms.clear();
    this.#typists = 0;
    await this.#running;
  }

  /** Who is typing, in the order in which they began. */
  in(roomId: string): readonly string[] {
    return [...(this.#rooms.get(roomId)?.typists.keys() ?? [])];
  }

  /** See `EphemeralReader.typingChangedIn`. */
  changedIn(roomId: string, ranges: readonly StreamRange[]): boolean {
    const position = this.#active.get(roomId) ?? this.#quiet.peek(roomId);
    if (position === undefined) return false;
    return ranges.some(({ writer, after, upTo }) => writer === this.#writer && position > after && position <= upTo);
  }

  /**
   * The user types for `timeoutMs` more, at most MAX_TYPING_MS. Nothing is published when he did already.
   * Throws M_LIMIT_EXCEEDED when too many people do.
   */
  async begin(room: RoomRecord, userId: string, timeoutMs = DEFAULT_TYPING_MS): Promise<void> {
    if (timeoutMs <= 0) return this.end(room, userId);
    const delayMs = Math.min(timeoutMs, MAX_TYPING_MS);
    const typists = this.#rooms.get(room.roomId)?.typists;
    const known = typists?.get(userId);
    if (known !== undefined) {
      known.timer.cancel();
      known.timer = this.#timer(room, userId, delayMs);
      return;
    }
    if (typists !== undefined && typists.size >= MAX_TYPISTS_PER_ROOM) return;
    if (this.#typists >= MAX_TYPISTS) {
      throw limitExceeded('Too many people are typing on this server.', RETRY_AFTER_MS);
    }
    this.#add(room, { userId, timer: this.#timer(room, userId, delayMs) });
    try {
      await this.#announce(room);
    } catch (error) {
      // Nobody was told, so the next request has to be a beginning again.
      this.#remove(room.roomId, userId);
      throw error;
    }
  }

  /** The user does not type any more. Nothing is published when he did not. */
  async end(room: RoomRecord, userId: string): Promise<void> {
    if (!this.#remove(room.roomId, userId)) return;
    try {
      await this.#announce(room);
    } catch (error) {
      this.#platform.log.warn('The end of typing was not published; it will be tried again', { error });
      this.#unannounced.set(room.nid, room);
    }
  }

  #add(room: RoomRecord, typist: Typist): void {
    let typing = this.#rooms.get(room.roomId);
    if (typing === undefined) {
      typing = { room, typists: new Map() };
      this.#rooms.set(room.roomId, typing);
    }
    typing.typists.set(typist.userId, typist);
    this.#typists++;
  }

  #remove(roomId: string, userId: string): boolean {
    const typing = this.#rooms.get(roomId);
    const typist = typing?.typists.get(userId);
    if (typing === undefined || typist === undefined) return false;
    typist.timer.cancel();
    typing.typists.delete(userId);
    this.#typists--;
    if (typing.typists.size === 0) this.#rooms.delete(roomId);
    return true;
  }

  #timer(room: RoomRecord, userId: string, delayMs: number): Timer {
    return this.#platform.timers.after(delayMs, () => this.#inBackground(this.end(room, userId)));
  }

  async #announce(room: RoomRecord): Promise<void> {
    const isMarked = this.#marked.has(room.nid);
    this.#marked.set(room.nid, this.#platform.clock.monotonicMs());
    try {
      await this.#storage.write((transaction) => {
        if (!isMarked) transaction.run(insertTypingRoom, { roomNid: room.nid });
        this.#publish(transaction, room.roomId);
      });
    } catch (error) {
      if (!isMarked) this.#marked.delete(room.nid);
      throw error;
    }
  }

  /** Where the change stands is noted before it is visible: who reads up to less than it looks again later. */
  #publish(transaction: WriteTransaction, roomId: string): void {
    const position = transaction.publish({ kind: 'typing', roomId });
    this.#writer = transaction.writer;
    this.#active.delete(roomId);
    this.#quiet.delete(roomId);
    if (this.#rooms.has(roomId)) this.#active.set(roomId, position);
    else this.#quiet.set(roomId, position);
  }

  /** Who leaves a room does not type in it. */
  #noteLeavers(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'membership' || change.membership === 'join') continue;
      const typing = this.#rooms.get(change.roomId);
      if (typing?.typists.has(change.userId)) this.#inBackground(this.end(typing.room, change.userId));
    }
  }

  #inBackground(work: Promise<void>): void {
    const done = work.catch((error) => {
      this.#platform.log.warn('Old marks of typing were not removed; the next restart looks at them', { error });
    });
    this.#running = Promise.all([this.#running, done]).then(() => {});
  }

  #waitForSweep(): void {
    this.#sweepTimer = this.#platform.timers.after(SWEEP_EVERY_MS, () => {
      this.#inBackground(
        this.sweep().finally(() => {
          if (this.#sweepTimer !== undefined) this.#waitForSweep();
        }),
      );
    });
  }

  /** Removes the marks of rooms where nobody typed lately, and publishes what could not be published before. */
  async sweep(): Promise<void> {
    for (const [nid, room] of [...this.#unannounced]) {
      await this.#announce(room);
      this.#unannounced.delete(nid);
    }
    const oldest = this.#platform.clock.monotonicMs() - MARK_LIFETIME_MS;
    const typedIn = new Set([...this.#rooms.values()].map(({ room }) => room.nid));
    const old = [...this.#marked].filter(([nid, lastMs]) => lastMs <= oldest && !typedIn.has(nid)).map(([nid]) => nid);
    for (let first = 0; first < old.length; first += ROOMS_PER_BATCH) {
      const roomNids = old.slice(first, first + ROOMS_PER_BATCH);
      for (const nid of roomNids) this.#marked.delete(nid);
      await this.#storage.write((transaction) => transaction.run(deleteTypingRooms, { roomNids }));
    }
  }
}
