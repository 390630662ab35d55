import { serverNameOf } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectListedUsers, selectListedUsersOfRoom } from '../../storage/queries/remote-devices.ts';
import { selectRoomById } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import type { SharedUsers } from './shared-users.ts';

/** Users and rooms that wait to be looked at. When there are more, all lists are gone through instead. */
const MAX_WAITING = 10_000;
/** Users who are looked at together. */
const USERS_PER_CHECK = 200;
/** Pause between two checks when all lists are gone through. */
const PAUSE_MS = 100;

export interface PartedListsParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly shared: SharedUsers;
  readonly drop: (userIds: readonly string[]) => Promise<void>;
}

/**
 * Drops the device list of a user of another server when the last room that is shared with him ends: from then on
 * nobody tells us of its changes. At the start all lists are gone through, a few at a time, as some room may have ended
 * just before a crash.
 */
export class PartedLists {
  readonly #parts: PartedListsParts;
  readonly #users = new Set<string>();
  readonly #rooms = new Set<string>();
  /** From which user on all lists are gone through; `undefined` when they are not. */
  #sweptUpTo: string | undefined;
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: PartedListsParts) {
    this.#parts = parts;
    parts.storage.stream.follow((changes) => this.#note(changes));
  }

  start(): void {
    this.#sweepAll();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#running;
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'membership' || change.previous !== 'join' || change.membership === 'join') continue;
      if (this.#users.size + this.#rooms.size >= MAX_WAITING) {
        this.#sweepAll();
        return;
      }
      if (this.#parts.shared.isLocal(change.userId)) this.#rooms.add(change.roomId);
      else if (serverNameOf(change.userId) !== undefined) this.#users.add(change.userId);
    }
    if (this.#users.size + this.#rooms.size > 0) this.#wake();
  }

  #sweepAll(): void {
    this.#sweptUpTo = '';
    this.#wake();
  }

  #wake(): void {
    if (this.#isStopped || this.#running !== undefined) return;
    this.#running = this.#checkWaiting()
      .catch((error) => {
        this.#parts.platform.log.warn('Device lists that nobody keeps up to date were not dropped', { error });
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#users.size + this.#rooms.size > 0) this.#wake();
        else if (this.#sweptUpTo !== undefined && !this.#isStopped) {
          this.#timer = this.#parts.platform.timers.after(PAUSE_MS, () => this.#wake());
        }
      });
  }

  async #checkWaiting(): Promise<void> {
    const { storage } = this.#parts;
    for (const roomId of this.#rooms) {
      this.#rooms.delete(roomId);
      await this.#checkRoom(roomId);
    }
    const users = [...this.#users];
    this.#users.clear();
    for (let first = 0; first < users.length; first += USERS_PER_CHECK) {
      await this.#check(users.slice(first, first + USERS_PER_CHECK));
    }
    if (this.#sweptUpTo === undefined) return;
    const rows = await storage.read(selectListedUsers, { after: this.#sweptUpTo, limit: USERS_PER_CHECK });
    this.#sweptUpTo = rows.length < USERS_PER_CHECK ? undefined : rows.at(-1)?.user_id;
    await this.#check(rows.map((row) => row.user_id));
  }

  /** A user of ours left: the others in the room may be shared with no more, if he was the last one of ours there. */
  async #checkRoom(roomId: string): Promise<void> {
    const { storage, shared } = this.#parts;
    const [room] = await storage.read(selectRoomById, { roomId });
    if (room === undefined || (await shared.isLocalIn({ roomId, nid: room.room_nid }))) return;
    const rows = await storage.read(selectListedUsersOfRoom, { roomNid: room.room_nid });
    for (let first = 0; first < rows.length; first += USERS_PER_CHECK) {
      await this.#check(rows.slice(first, first + USERS_PER_CHECK).map((row) => row.user_id));
    }
  }

  async #check(userIds: readonly string[]): Promise<void> {
    const { shared, drop } = this.#parts;
    const still = await shared.amongst(userIds);
    await drop(userIds.filter((userId) => !still.has(userId)));
  }
}
