import { LRUCache } from 'lru-cache';
import { selectServerPlaces } from '../../storage/queries/outgoing-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';

/** Names of servers kept, all rooms together; a room counts as one more. A name is shared by all rooms it is in. */
const MAX_KEPT_NAMES = 1_000_000;

/** The other servers of a room at one point of the stream. */
export interface RoomDestinations {
  readonly roomNid: number;
  readonly servers: Set<string>;
}

/** What changed of a room's servers, as the stream tells it. */
export interface ServerMove {
  readonly roomId: string;
  readonly serverName: string;
  readonly isIn: boolean;
  readonly position: number;
}

/**
 * Which other servers are in a room, moved along with the stream: whoever follows it asks at each event who was there
 * just then. Rooms that nothing happened in for long are read anew.
 */
export class RoomDestinationsCache {
  readonly #storage: Storage;
  readonly #events: EventStore;
  readonly #rooms = new LRUCache<string, RoomDestinations>({
    maxSize: MAX_KEPT_NAMES,
    sizeCalculation: ({ servers }) => servers.size + 1,
  });

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  known(roomId: string): RoomDestinations | undefined {
    return this.#rooms.get(roomId);
  }

  /**
   * Reads a room's servers as they were at a position. The table may be ahead of it: `movesAfter` gives the moves of
   * this room after the position, once everything up to `upTo` is published.
   */
  async load(
    roomId: string,
    position: number,
    movesAfter: (upTo: number) => Promise<readonly ServerMove[]>,
  ): Promise<RoomDestinations | undefined> {
    const room = await this.#events.room(roomId);
    if (room === undefined) return undefined;
    const rows = await this.#storage.read(selectServerPlaces, { roomNid: room.nid });
    const servers = new Set(rows.filter((row) => row.is_in === 1).map((row) => row.server_name));
    const newest = rows.reduce((last, row) => Math.max(last, row.position), 0);
    if (newest > position) {
      // Undone from the last to the first, so that what was before the first move is what stays.
      for (const move of [...(await movesAfter(newest))].reverse()) moveServer(servers, { ...move, isIn: !move.isIn });
    }
    const destinations = { roomNid: room.nid, servers };
    this.#rooms.set(roomId, destinations);
    return destinations;
  }

  /** Goes past a move. */
  move(move: ServerMove): void {
    const room = this.#rooms.get(move.roomId);
    if (room === undefined) return;
    moveServer(room.servers, move);
    // Its size changed.
    this.#rooms.delete(move.roomId);
    this.#rooms.set(move.roomId, room);
  }

  /** Moves were missed. */
  clear(): void {
    this.#rooms.clear();
  }
}

function moveServer(servers: Set<string>, { serverName, isIn }: ServerMove): void {
  if (isIn) servers.add(serverName);
  else servers.delete(serverName);
}
