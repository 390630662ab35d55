import type { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import { selectRoomsPerhapsUnread } from '../../storage/queries/unread.ts';
import type { Storage } from '../../storage/storage.ts';
import { Turns } from '../accounts/turns.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { UnreadReader } from './unread-reader.ts';

/** Users whose rooms with something unread are kept in memory. */
const MAX_USERS = 10_000;

interface UserBadge {
  /** Unread notifications by room ID, where there are any. */
  readonly rooms: Map<string, number>;
  /** Rooms to be counted anew. */
  readonly changed: Set<string>;
  readonly loaded: Promise<void>;
}

export interface BadgesParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  /** Has to follow the stream already. */
  readonly unread: UnreadReader;
}

/** How much a user has not read in all rooms together: what an application shows on its icon. */
export class Badges {
  readonly #parts: BadgesParts;
  readonly #users: LRUCache<string, UserBadge> = createCache(MAX_USERS);
  /** A user may have several pushers, and what one of them counts just now is not in the badge yet. */
  readonly #turns = new Turns();

  constructor(parts: BadgesParts) {
    this.#parts = parts;
  }

  /** Notifications that are unread, and invites that wait for an answer. */
  async of(userId: string): Promise<number> {
    const { memberships } = this.#parts;
    const badge = this.#users.get(userId) ?? this.#open(userId);
    await badge.loaded;
    await this.#turns.run(userId, async () => {
      for (const roomId of [...badge.changed]) await this.#count(userId, badge, roomId);
    });
    const invites = (await memberships.ofUser(userId)).filter(({ membership }) => membership === 'invite');
    return [...badge.rooms.values()].reduce((sum, count) => sum + count, invites.length);
  }

  /** Something happened that may have changed what is unread for a user in a room. Whether it may be less now. */
  note(userId: string, roomId: string): boolean {
    const badge = this.#users.peek(userId);
    if (badge === undefined) return true;
    const mayFall = badge.rooms.has(roomId) || badge.changed.has(roomId);
    badge.changed.add(roomId);
    return mayFall;
  }

  /** A redaction took something away, from whom only the tables know. */
  noteRedaction(roomId: string): void {
    for (const badge of this.#users.values()) if (badge.rooms.has(roomId)) badge.changed.add(roomId);
  }

  async #count(userId: string, { rooms, changed }: UserBadge, roomId: string): Promise<void> {
    const { events, unread } = this.#parts;
    // What changes while it is counted makes it be counted again.
    changed.delete(roomId);
    try {
      const room = await events.room(roomId);
      const count = room === undefined ? 0 : (await unread.counts(room, userId)).all.notifications;
      if (count > 0) rooms.set(roomId, count);
      else rooms.delete(roomId);
    } catch (error) {
      changed.add(roomId);
      throw error;
    }
  }

  #open(userId: string): UserBadge {
    const rooms = new Map<string, number>();
    const changed = new Set<string>();
    const badge = { rooms, changed, loaded: this.#load(userId, changed) };
    this.#users.set(userId, badge);
    badge.loaded.catch(() => {
      // Who waits for it is told; the next one reads again.
      if (this.#users.peek(userId) === badge) this.#users.delete(userId);
    });
    return badge;
  }

  async #load(userId: string, changed: Set<string>): Promise<void> {
    const { storage, events } = this.#parts;
    const rows = await storage.read(selectRoomsPerhapsUnread, { userId });
    const rooms = await events.rooms(rows.map((row) => row.room_nid));
    for (const { roomId } of rooms.values()) changed.add(roomId);
  }
}
