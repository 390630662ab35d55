import { findRoomVersion } from '@limpet/protocol/room-version';
import { createCache } from '../../cache/create-cache.ts';
import { splitKnown } from '../../cache/split-known.ts';
import {
  type EventRow,
  selectEventsById,
  selectEventsByNid,
  selectRoomIndexAt,
  selectTimelineBackwards,
  selectTimelineForwards,
} from '../../storage/queries/events.ts';
import { type RoomRow, selectRoomById, selectRoomsByNid } from '../../storage/queries/rooms.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamVector } from '../../storage/stream.ts';
import { type RoomEvent, type RoomRecord, readRoomEvent } from './room-event.ts';

/** Events kept in memory, whatever room they are of: some 3 kB each. */
const MAX_CACHED_EVENTS = 10_000;
/** Rooms whose record is kept in memory. */
const MAX_CACHED_ROOMS = 50_000;

/** A stretch of one room's timeline by `room_index`, both ends left out. */
export interface TimelineRange {
  readonly room: RoomRecord;
  readonly after: number;
  readonly before: number;
  readonly limit: number;
}

/** Reads events and rooms, through one cache. What it gives is shared: never change it. */
export class EventStore {
  readonly #storage: Storage;
  readonly #events = createCache<number, RoomEvent>(MAX_CACHED_EVENTS);
  readonly #rooms = createCache<number, RoomRecord>(MAX_CACHED_ROOMS);
  readonly #roomNids = createCache<string, number>(MAX_CACHED_ROOMS);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The event, if it is in memory: for followers of the stream, which meet what was just written. */
  cached(nid: number): RoomEvent | undefined {
    return this.#events.get(nid);
  }

  /** Called by the writer of events, once an event is on disk or a redaction changed it. */
  remember(event: RoomEvent): void {
    this.#events.set(event.nid, event);
  }

  forget(nid: number): void {
    this.#events.delete(nid);
  }

  rememberRoom(room: RoomRecord): void {
    this.#rooms.set(room.nid, room);
    this.#roomNids.set(room.roomId, room.nid);
  }

  /** It could not be written. */
  forgetRoom(room: RoomRecord): void {
    this.#rooms.delete(room.nid);
    if (this.#roomNids.get(room.roomId) === room.nid) this.#roomNids.delete(room.roomId);
  }

  /** The room of this ID, if we know it. */
  async room(roomId: string): Promise<RoomRecord | undefined> {
    const nid = this.#roomNids.get(roomId);
    const known = nid === undefined ? undefined : this.#rooms.get(nid);
    if (known !== undefined) return known;
    const [row] = await this.#storage.read(selectRoomById, { roomId });
    return row === undefined ? undefined : this.#readRoom(row);
  }

  /** The rooms of these nids, in no order; all must exist. */
  async rooms(nids: readonly number[]): Promise<Map<number, RoomRecord>> {
    const { found, missing } = splitKnown(nids, (nid) => this.#rooms.get(nid));
    if (missing.length > 0) {
      for (const row of await this.#storage.read(selectRoomsByNid, { roomNids: missing })) {
        found.set(row.room_nid, this.#readRoom(row));
      }
    }
    return found;
  }

  /** The events of these nids; what we do not have is left out. */
  async byNids(nids: readonly number[]): Promise<Map<number, RoomEvent>> {
    const { found, missing } = splitKnown(nids, (nid) => this.#events.get(nid));
    if (missing.length > 0) {
      const rows = await this.#storage.read(selectEventsByNid, { eventNids: missing });
      for (const event of await this.read(rows)) found.set(event.nid, event);
    }
    return found;
  }

  /** The events of these IDs; what we do not have is left out. Outliers and refused ones are among them: look. */
  async byIds(eventIds: readonly string[]): Promise<Map<string, RoomEvent>> {
    const events = await this.read(await this.#storage.read(selectEventsById, { eventIds }));
    return new Map(events.map((event) => [event.pdu.eventId, event]));
  }

  /** Events of a timeline, newest first. */
  async backwards(range: TimelineRange): Promise<RoomEvent[]> {
    const { room, after, before, limit } = range;
    return this.read(await this.#storage.read(selectTimelineBackwards, { roomNid: room.nid, after, before, limit }));
  }

  /** Events of a timeline, oldest first. */
  async forwards(range: TimelineRange): Promise<RoomEvent[]> {
    const { room, after, before, limit } = range;
    return this.read(await this.#storage.read(selectTimelineForwards, { roomNid: room.nid, after, before, limit }));
  }

  /** The last `room_index` that a reader at this vector has seen; 0 when none. */
  async roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number> {
    let last = 0;
    for (const [writer, upTo] of vector) {
      const [row] = await this.#storage.read(selectRoomIndexAt, { roomNid: room.nid, writer, upTo });
      if (row !== undefined) last = Math.max(last, row.room_index);
    }
    return last;
  }

  /** Rows to events, in the order of the rows, each value made once. */
  async read(rows: readonly EventRow[]): Promise<RoomEvent[]> {
    const missing = rows.filter((row) => !this.#events.has(row.event_nid));
    const rooms = await this.rooms([...new Set(missing.map((row) => row.room_nid))]);
    return rows.map((row) => {
      const known = this.#events.get(row.event_nid);
      if (known !== undefined) return known;
      const room = rooms.get(row.room_nid) ?? this.#rooms.get(row.room_nid);
      if (room === undefined) throw new Error(`Event ${row.event_nid} is of a room without a row`);
      const event = readRoomEvent(row, room);
      this.#events.set(event.nid, event);
      return event;
    });
  }

  #readRoom(row: RoomRow): RoomRecord {
    const version = findRoomVersion(row.version);
    if (version === undefined) throw new Error(`Room ${row.room_nid} has a version that this server does not know`);
    const room = { nid: row.room_nid, roomId: row.room_id, version, createdTs: row.created_ts };
    this.rememberRoom(room);
    return room;
  }
}
