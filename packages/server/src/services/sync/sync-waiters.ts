import { LRUCache } from 'lru-cache';
import type { Timers } from '../../platform/timers.ts';
import type { PublishedChange } from '../../storage/change.ts';
import type { Stream } from '../../storage/stream.ts';
import { isReceiptSeenBy } from './sync-news.ts';

/** Users who do not wait and whose rooms are kept in mind until their next request. Those who wait are kept anyway. */
const MAX_IDLE_USERS = 20_000;
/**
 * Users woken before everything else gets its turn: each has an answer written at once, some 20 ms of work together.
 * With fewer, those who were answered come back before the others were, and in a large call ask more often for less.
 */
const MAX_WOKEN_PER_TURN = 250;
/**
 * Users looked at in one turn, in rooms where somebody came or went. What is published together may be of hundreds who
 * are in hundreds of rooms each.
 */
const MAX_LOOKED_AT_PER_TURN = 5_000;

const NOBODY: ReadonlySet<KnownUser> = new Set();

interface KnownUser {
  readonly userId: string;
  readonly rooms: Set<string>;
  readonly waiters: Set<() => void>;
  /** Those of them that want to know who is there. */
  readonly presenceWaiters: Set<() => void>;
  /** Kept when `rooms` is complete. */
  loaded: Promise<void>;
}

export interface SyncWaitersParts {
  readonly stream: Stream;
  readonly timers: Timers;
  /** The joined rooms of a user. */
  readonly roomsOf: (userId: string) => Promise<Iterable<string>>;
  /** Users kept in mind who do not wait. */
  readonly maxIdleUsers?: number;
}

/**
 * Wakes the requests that wait for news (C12). A change wakes those whom it may concern: rather one too many, who then
 * finds nothing and waits on, than one too few.
 */
export class SyncWaiters {
  readonly #timers: Timers;
  readonly #roomsOf: SyncWaitersParts['roomsOf'];
  readonly #unfollow: () => void;
  readonly #users = new Map<string, KnownUser>();
  readonly #byRoom = new Map<string, Set<KnownUser>>();
  /** Those of `#users` who do not wait. */
  readonly #idle: LRUCache<string, KnownUser>;
  /** Who is to be woken, in this order. */
  readonly #due = new Set<KnownUser>();
  /** Who is to be woken after them, as far as he wants to know who is there. */
  readonly #dueForPresence = new Set<KnownUser>();
  /** Rooms in which somebody came or went, and of which it is not known yet who wants to know. */
  readonly #presenceRooms = new Set<string>();
  #isTurnComing = false;

  constructor({ stream, timers, roomsOf, maxIdleUsers = MAX_IDLE_USERS }: SyncWaitersParts) {
    this.#timers = timers;
    this.#roomsOf = roomsOf;
    this.#idle = new LRUCache({
      maxSize: maxIdleUsers,
      sizeCalculation: () => 1,
      dispose: (user, _userId, reason) => {
        if (reason === 'evict') this.#forget(user);
      },
    });
    this.#unfollow = stream.follow((changes) => {
      for (const change of changes) this.#note(change);
      this.#wakeDue();
    });
  }

  /** Wakes everybody, now and for good. */
  close(): void {
    this.#unfollow();
    for (const user of this.#users.values()) wakeAll(user.waiters);
  }

  /**
   * Calls `wake` at changes that may concern the user, from when this promise is kept until its value is called. Those
   * of who is there wake only who wants to know: nothing else changes as often.
   */
  async watch(userId: string, wake: () => void, { presence = false } = {}): Promise<() => void> {
    const user = this.#users.get(userId) ?? this.#meet(userId);
    user.waiters.add(wake);
    if (presence) user.presenceWaiters.add(wake);
    this.#idle.delete(userId);
    const unwatch = () => {
      user.waiters.delete(wake);
      user.presenceWaiters.delete(wake);
      if (user.waiters.size === 0 && this.#users.get(userId) === user) this.#idle.set(userId, user);
    };
    try {
      await user.loaded;
    } catch (error) {
      unwatch();
      throw error;
    }
    return unwatch;
  }

  /** Known from now on, so that no change of membership is missed while the rooms are read. */
  #meet(userId: string): KnownUser {
    const sets = { rooms: new Set<string>(), waiters: new Set<() => void>(), presenceWaiters: new Set<() => void>() };
    const user: KnownUser = { userId, ...sets, loaded: Promise.resolve() };
    this.#users.set(userId, user);
    user.loaded = this.#load(user);
    return user;
  }

  async #load(user: KnownUser): Promise<void> {
    try {
      // A room that was left meanwhile wakes once too often.
      for (const roomId of await this.#roomsOf(user.userId)) this.#enter(user, roomId);
    } catch (error) {
      this.#forget(user);
      throw error;
    }
  }

  #enter(user: KnownUser, roomId: string): void {
    if (this.#users.get(user.userId) !== user) return;
    user.rooms.add(roomId);
    const inRoom = this.#byRoom.get(roomId);
    if (inRoom === undefined) this.#byRoom.set(roomId, new Set([user]));
    else inRoom.add(user);
  }

  #leave(user: KnownUser, roomId: string): void {
    user.rooms.delete(roomId);
    const inRoom = this.#byRoom.get(roomId);
    inRoom?.delete(user);
    if (inRoom?.size === 0) this.#byRoom.delete(roomId);
  }

  #forget(user: KnownUser): void {
    if (this.#users.get(user.userId) !== user) return;
    this.#users.delete(user.userId);
    this.#idle.delete(user.userId);
    for (const roomId of user.rooms) this.#leave(user, roomId);
  }

  #note(change: PublishedChange): void {
    switch (change.kind) {
      case 'event':
      case 'sticky-due':
      case 'typing':
        this.#wakeRoom(change.roomId);
        return;
      case 'receipt':
        if (isReceiptSeenBy(change, '')) this.#wakeRoom(change.roomId);
        else this.#wakeUser(change.userId);
        return;
      case 'membership': {
        this.#wakeRoom(change.roomId);
        const user = this.#wakeUser(change.userId);
        if (user === undefined) return;
        if (change.membership === 'join') this.#enter(user, change.roomId);
        else this.#leave(user, change.roomId);
        return;
      }
      case 'presence':
        this.#wakeForPresence(change);
        return;
      case 'device-list':
        this.#wakeSharing(change.userId);
        return;
      case 'account-data':
      case 'to-device':
      case 'one-time-keys':
      case 'thread-subscription':
      case 'user-signature':
        this.#wakeUser(change.userId);
    }
  }

  #wakeUser(userId: string): KnownUser | undefined {
    const user = this.#users.get(userId);
    if (user !== undefined && user.waiters.size > 0) this.#due.add(user);
    return user;
  }

  #wakeRoom(roomId: string): void {
    for (const user of this.#byRoom.get(roomId) ?? []) if (user.waiters.size > 0) this.#due.add(user);
  }

  #wakeForPresence({ userId, roomIds }: { readonly userId: string; readonly roomIds: readonly string[] }): void {
    const own = this.#users.get(userId);
    if (own !== undefined && own.presenceWaiters.size > 0) this.#dueForPresence.add(own);
    for (const roomId of roomIds) this.#presenceRooms.add(roomId);
  }

  /** As far as it goes in one turn; rooms of several who came or went count once. */
  #lookIntoPresenceRooms(): void {
    let lookedAt = 0;
    for (const roomId of this.#presenceRooms) {
      if (lookedAt >= MAX_LOOKED_AT_PER_TURN) return;
      this.#presenceRooms.delete(roomId);
      const users = this.#byRoom.get(roomId) ?? NOBODY;
      for (const user of users) if (user.presenceWaiters.size > 0) this.#dueForPresence.add(user);
      lookedAt += users.size + 1;
    }
  }

  /** Everybody who shares a room with this user, who may not be waiting himself. */
  #wakeSharing(userId: string): void {
    this.#wakeUser(userId);
    this.#roomsOf(userId).then(
      (rooms) => {
        for (const roomId of rooms) this.#wakeRoom(roomId);
        this.#wakeDue();
      },
      () => {
        // The rooms could not be read: wake everybody rather than nobody.
        for (const user of this.#users.values()) this.#due.add(user);
        this.#wakeDue();
      },
    );
  }

  /** The first few at once, the others in turns of their own, in which everything else goes on. */
  #wakeDue(): void {
    if (this.#isTurnComing) return;
    this.#lookIntoPresenceRooms();
    const isLooking = this.#presenceRooms.size > 0;
    let woken = 0;
    // Who is in several of the rooms is woken once, when all were looked into.
    for (const due of isLooking ? [this.#due] : [this.#due, this.#dueForPresence]) {
      for (const user of due) {
        if (woken >= MAX_WOKEN_PER_TURN) {
          this.#wakeInTurn();
          return;
        }
        due.delete(user);
        wakeAll(due === this.#due ? user.waiters : user.presenceWaiters);
        woken += 1;
      }
    }
    if (isLooking) this.#wakeInTurn();
  }

  #wakeInTurn(): void {
    this.#isTurnComing = true;
    this.#timers.after(0, () => {
      this.#isTurnComing = false;
      this.#wakeDue();
    });
  }
}

function wakeAll(waiters: ReadonlySet<() => void>): void {
  for (const wake of [...waiters]) wake();
}
