import { LRUCache } from 'lru-cache';
import type { PublishedChange } from '../../storage/change.ts';
import type { Stream } from '../../storage/stream.ts';

/** Users whose rooms are kept in mind between two of their requests. */
const MAX_KNOWN_USERS = 20_000;

interface KnownUser {
  readonly userId: string;
  readonly rooms: Set<string>;
  readonly waiters: Set<() => void>;
}

/**
 * Wakes the requests that wait for news (C12). A change wakes those whom it may concern: rather one too many, who then
 * finds nothing and waits on, than one too few.
 */
export class SyncWaiters {
  readonly #users = new Map<string, KnownUser>();
  readonly #byRoom = new Map<string, Set<KnownUser>>();
  readonly #idle = new LRUCache<string, KnownUser>({
    max: MAX_KNOWN_USERS,
    dispose: (user, userId, reason) => {
      if (reason === 'evict' || reason === 'delete') this.#forget(userId, user);
    },
  });
  readonly #sharingRooms: (userId: string) => Promise<Iterable<string>>;
  readonly #unfollow: () => void;

  /** `roomsOf` tells the joined rooms of a user who may not be waiting himself. */
  constructor(stream: Stream, roomsOf: (userId: string) => Promise<Iterable<string>>) {
    this.#sharingRooms = roomsOf;
    this.#unfollow = stream.follow((changes) => this.#wake(changes));
  }

  close(): void {
    this.#unfollow();
    for (const user of this.#users.values()) wakeAll(user);
  }

  /** Calls `wake` at each change that may concern the user, joined to these rooms, until the result is called. */
  watch(userId: string, joinedRooms: Iterable<string>, wake: () => void): () => void {
    let user = this.#users.get(userId);
    if (user === undefined) {
      user = { userId, rooms: new Set(), waiters: new Set() };
      this.#users.set(userId, user);
      for (const roomId of joinedRooms) this.#enter(user, roomId);
    }
    // Who waits must not be forgotten; who does not may be.
    user.waiters.add(wake);
    const watched = user;
    this.#idle.set(userId, watched);
    return () => {
      watched.waiters.delete(wake);
    };
  }

  #enter(user: KnownUser, roomId: string): void {
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

  /** A user that the cache drops while a request waits is woken: its next turn registers again. */
  #forget(userId: string, user: KnownUser): void {
    if (this.#users.get(userId) !== user) return;
    this.#users.delete(userId);
    for (const roomId of user.rooms) this.#leave(user, roomId);
    wakeAll(user);
  }

  #wake(changes: readonly PublishedChange[]): void {
    const woken = new Set<KnownUser>();
    for (const change of changes) this.#concerned(change, woken);
    for (const user of woken) wakeAll(user);
  }

  #concerned(change: PublishedChange, woken: Set<KnownUser>): void {
    switch (change.kind) {
      case 'event':
      case 'sticky-due':
      case 'receipt':
      case 'typing':
        for (const user of this.#byRoom.get(change.roomId) ?? []) woken.add(user);
        return;
      case 'membership': {
        for (const user of this.#byRoom.get(change.roomId) ?? []) woken.add(user);
        const user = this.#users.get(change.userId);
        if (user === undefined) return;
        woken.add(user);
        if (change.membership === 'join') this.#enter(user, change.roomId);
        else this.#leave(user, change.roomId);
        return;
      }
      case 'device-list':
        this.#wakeSharing(change.userId);
        return;
      case 'account-data':
      case 'to-device':
      case 'one-time-keys': {
        const user = this.#users.get(change.userId);
        if (user !== undefined) woken.add(user);
      }
    }
  }

  #wakeSharing(userId: string): void {
    const known = this.#users.get(userId);
    if (known !== undefined) {
      wakeAll(known);
      this.#wakeRooms(known.rooms);
      return;
    }
    this.#sharingRooms(userId).then(
      (rooms) => this.#wakeRooms(rooms),
      () => {
        // The rooms could not be read: wake everybody rather than nobody.
        for (const user of this.#users.values()) wakeAll(user);
      },
    );
  }

  #wakeRooms(rooms: Iterable<string>): void {
    const woken = new Set<KnownUser>();
    for (const roomId of rooms) for (const user of this.#byRoom.get(roomId) ?? []) woken.add(user);
    for (const user of woken) wakeAll(user);
  }
}

function wakeAll(user: KnownUser): void {
  for (const wake of [...user.waiters]) wake();
}
