import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Log } from '../../platform/log.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectGuestsInRoom, selectRoomsOfGuests } from '../../storage/queries/guests.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { GUEST_ACCESS_TYPE, letsGuestsIn } from './guest-access.ts';
import type { RoomRecord } from './room-event.ts';
import type { RoomStateReader } from './room-state.ts';

/** Guests of a room that leave it, and rooms that are looked at, before the next ones are read. */
const PAGE_SIZE = 100;

export interface GuestExitsParts {
  readonly storage: Storage;
  readonly log: Log;
  readonly events: EventStore;
  readonly state: RoomStateReader;
  /** Whether there may be new guests; where there never was one nothing is read. */
  readonly takesGuests: boolean;
  readonly leave: (request: { roomId: string; userId: string; reason: string }) => Promise<void>;
}

/**
 * Takes guests out of rooms that let none in any more. It follows the stream, and looks at all rooms with guests when
 * it starts, since it may have been stopped in the middle. Specification: client-server API, "Guest Access".
 */
export class GuestExits {
  readonly #parts: GuestExitsParts;
  readonly #rooms = new Set<string>();
  #running: Promise<void> = Promise.resolve();
  #isRunning = false;
  #isStopped = false;
  #areThere: boolean;
  #unfollow: () => void = () => {};

  constructor(parts: GuestExitsParts) {
    this.#parts = parts;
    this.#areThere = parts.takesGuests;
  }

  start(): void {
    this.#unfollow = this.#parts.storage.stream.follow((changes) => this.#note(changes));
    this.#run(() => this.#lookAtAll());
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unfollow();
    await this.#running;
  }

  #note(changes: readonly PublishedChange[]): void {
    if (!this.#areThere) return;
    for (const change of changes) {
      const mayClose =
        change.kind === 'state-resolved' || (change.kind === 'event' && change.type === GUEST_ACCESS_TYPE);
      if (mayClose) this.#rooms.add(change.roomId);
    }
    if (this.#rooms.size > 0 && !this.#isRunning) this.#run(async () => {});
  }

  /** One at a time; what comes meanwhile is looked at in the same run. */
  #run(first: () => Promise<void>): void {
    this.#isRunning = true;
    this.#running = this.#lookAtNoted(first).catch((error) => {
      this.#parts.log.error('Guests may be left in rooms that want none; the next start looks again', { error });
    });
  }

  async #lookAtNoted(first: () => Promise<void>): Promise<void> {
    try {
      await first();
      for (const roomId of this.#rooms) {
        if (this.#isStopped) return;
        this.#rooms.delete(roomId);
        const room = await this.#parts.events.room(roomId);
        if (room !== undefined) await this.#lookAt(room);
      }
    } finally {
      this.#isRunning = false;
    }
  }

  async #lookAtAll(): Promise<void> {
    for (let after = 0; !this.#isStopped; ) {
      const rows = await this.#parts.storage.read(selectRoomsOfGuests, { after, limit: PAGE_SIZE });
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.room_nid;
      this.#areThere = true;
      const rooms = await this.#parts.events.rooms(rows.map((row) => row.room_nid));
      for (const room of rooms.values()) await this.#lookAt(room);
    }
  }

  async #lookAt(room: RoomRecord): Promise<void> {
    const { storage, state } = this.#parts;
    const roomNid = room.nid;
    let guests = await storage.read(selectGuestsInRoom, { roomNid, limit: PAGE_SIZE });
    while (guests.length > 0 && !this.#isStopped) {
      if (letsGuestsIn((await state.current(room, GUEST_ACCESS_TYPE, ''))?.pdu)) return;
      let gone = 0;
      for (const { user_id: userId } of guests) gone += Number(await this.#leave(room.roomId, userId));
      // Who cannot be brought out now would be read for ever.
      guests = gone === 0 ? [] : await storage.read(selectGuestsInRoom, { roomNid, limit: PAGE_SIZE });
    }
  }

  async #leave(roomId: string, userId: string): Promise<boolean> {
    try {
      await this.#parts.leave({ roomId, userId, reason: 'The room lets no guests in any more' });
      return true;
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error;
      this.#parts.log.warn('A guest could not leave a room that wants no guests any more', { roomId, userId, error });
      return false;
    }
  }
}
