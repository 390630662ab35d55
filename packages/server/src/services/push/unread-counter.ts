import { LRUCache } from 'lru-cache';
import type { PublishedChange } from '../../storage/change.ts';
import { selectReadIndexes, selectUnreadEvents, selectUnreadExceptions } from '../../storage/queries/unread.ts';
import type { Storage } from '../../storage/storage.ts';
import { MAIN_TIMELINE } from '../ephemeral/is-in-thread.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import { type CountedEvent, countUnread, MAX_COUNTED, type ReadIndexes } from './count-unread.ts';
import type { UnreadEvent, UnreadNews } from './unread-news.ts';
import type { EventInThread, UnreadCounts, UnreadReader } from './unread-reader.ts';

/**
 * Small rows kept in memory, some 100 bytes each: events, readers and their exceptions; a room counts as some itself.
 */
const MAX_CACHED_ROWS = 1_000_000;
const ROWS_PER_ROOM = 100;
/** Rows of the readers of one room; when there are more, they are all read again as they are asked for. */
const MAX_READER_ROWS = 500_000;
/** Threads that a reader is known to have read; with more he is read again, without those that matter no more. */
const MAX_READ_THREADS = 1_000;
/** The events of a room are cut when they are this many too many. */
const TAIL_SLACK = 100;

interface CachedRoom {
  /** The newest that count for everybody without exception, oldest first. */
  events: CountedEvent[];
  /** By user. */
  readonly readers: Map<string, Reader>;
  /** How many rows the readers have, together. */
  readerRows: number;
  /** What was published while the events were being read; `undefined` once they are. */
  early: CountedEvent[] | undefined;
  /** `undefined` until somebody asks. */
  loaded: Promise<void> | undefined;
}

/** One user in one room. */
interface Reader {
  read: ReadIndexes & { readonly threads: Map<string, number> };
  readonly alerts: Map<number, Pick<CountedEvent, 'threadId' | 'highlights'>>;
  readonly mutes: Set<number>;
  early: UnreadEvent[] | undefined;
  loaded: Promise<void>;
  /** What was last counted, as long as nothing changed. */
  counted: { readonly newest: number; readonly counts: UnreadCounts } | undefined;
}

export interface UnreadCounterOptions {
  readonly storage: Storage;
  readonly memberships: MembershipReader;
  readonly events: EventStore;
  readonly news: UnreadNews;
}

/**
 * Counts unread events from memory, so that a thousand waiting users cost next to nothing at each event of their room.
 * What is kept in memory follows the stream; a receipt, a join or a redaction makes it read the tables again.
 *
 * Receipts mark as read, and so do one's own events but for sticky and state events (reads-by-sending.ts says why).
 * One's own events never count.
 */
export class UnreadCounter implements UnreadReader {
  readonly #storage: Storage;
  readonly #memberships: MembershipReader;
  readonly #events: EventStore;
  readonly #news: UnreadNews;
  readonly #rooms = new LRUCache<string, CachedRoom>({
    maxSize: MAX_CACHED_ROWS,
    sizeCalculation: (room) => ROWS_PER_ROOM + room.events.length + room.readerRows,
  });

  /** Memberships have to follow the stream before this does: they are asked again when one changed. */
  constructor({ storage, memberships, events, news }: UnreadCounterOptions) {
    this.#storage = storage;
    this.#memberships = memberships;
    this.#events = events;
    this.#news = news;
    storage.stream.follow((changes) => {
      for (const change of changes) this.#note(change);
    });
  }

  async isRead(room: RoomRecord, userId: string, { roomIndex, threadId }: EventInThread): Promise<boolean> {
    const cached = this.#rooms.get(room.roomId) ?? this.#openRoom(room.roomId, new Map());
    const reader = cached.readers.get(userId) ?? this.#readReader(room, cached, userId);
    if (reader.early !== undefined) await reader.loaded;
    return roomIndex <= Math.max(reader.read.room, reader.read.threads.get(threadId) ?? 0);
  }

  async counts(room: RoomRecord, userId: string): Promise<UnreadCounts> {
    const cached = this.#rooms.get(room.roomId) ?? this.#openRoom(room.roomId, new Map());
    const reader = cached.readers.get(userId) ?? this.#readReader(room, cached, userId);
    if (cached.early !== undefined) await (cached.loaded ?? this.#readRoom(room, cached));
    if (reader.early !== undefined) await reader.loaded;
    const newest = cached.events.at(-1)?.roomIndex ?? 0;
    if (reader.counted?.newest !== newest) {
      const { read, alerts, mutes } = reader;
      reader.counted = { newest, counts: countUnread({ userId, events: cached.events, read, alerts, mutes }) };
    }
    return reader.counted.counts;
  }

  #openRoom(roomId: string, readers: Map<string, Reader>): CachedRoom {
    const cached: CachedRoom = { events: [], readers, readerRows: readers.size, early: [], loaded: undefined };
    this.#rooms.set(roomId, cached);
    return cached;
  }

  #readRoom(room: RoomRecord, cached: CachedRoom): Promise<void> {
    const loaded = this.#loadRoom(room, cached);
    cached.loaded = loaded;
    whenFailed(loaded, () => {
      if (this.#rooms.peek(room.roomId) === cached) this.#rooms.delete(room.roomId);
    });
    return loaded;
  }

  async #loadRoom(room: RoomRecord, cached: CachedRoom): Promise<void> {
    const rows = await this.#storage.read(selectUnreadEvents, { roomNid: room.nid, limit: MAX_COUNTED });
    for (const row of rows.reverse()) {
      const { room_index: roomIndex, sender, thread_id: threadId, highlights } = row;
      cached.events.push({ roomIndex, sender, threadId, highlights: highlights === 1 });
    }
    const early = cached.early ?? [];
    cached.early = undefined;
    for (const event of early) addToRoom(cached, event);
    this.#weigh(room.roomId, cached);
  }

  #readReader(room: RoomRecord, cached: CachedRoom, userId: string): Reader {
    const reader: Reader = {
      read: { room: 0, threads: new Map() },
      alerts: new Map(),
      mutes: new Set(),
      early: [],
      loaded: Promise.resolve(),
      counted: undefined,
    };
    cached.readers.set(userId, reader);
    reader.loaded = this.#loadReader(room, userId, reader).then(() => {
      if (cached.readers.get(userId) === reader) cached.readerRows += 1 + exceptionCount(reader);
      this.#weigh(room.roomId, cached);
    });
    whenFailed(reader.loaded, () => {
      if (cached.readers.get(userId) === reader) cached.readers.delete(userId);
    });
    return reader;
  }

  async #loadReader(room: RoomRecord, userId: string, reader: Reader): Promise<void> {
    reader.read = await this.#readIndexes(room, userId);
    const query = { roomNid: room.nid, userId, after: reader.read.room, limit: MAX_COUNTED };
    const [alerts, mutes] = await Promise.all([
      this.#storage.read(selectUnreadExceptions, { ...query, notifies: 1 }),
      this.#storage.read(selectUnreadExceptions, { ...query, notifies: 0 }),
    ]);
    for (const { room_index, thread_id, highlights } of alerts.reverse()) {
      reader.alerts.set(room_index, { threadId: thread_id, highlights: highlights === 1 });
    }
    for (const { room_index } of mutes.reverse()) reader.mutes.add(room_index);
    const early = reader.early ?? [];
    reader.early = undefined;
    for (const event of early) addToReader(reader, userId, event);
  }

  /** Who has no receipt has read what was there before he joined; who is not joined has nothing to read. */
  async #readIndexes(room: RoomRecord, userId: string): Promise<Reader['read']> {
    const [membership, receipts] = await Promise.all([
      this.#memberships.of(room, userId),
      this.#storage.read(selectReadIndexes, { roomNid: room.nid, userId }),
    ]);
    if (membership?.joinedPosition === undefined) return { room: Number.MAX_SAFE_INTEGER, threads: new Map() };
    const joined = await this.#events.roomIndexAt(room, new Map([[membership.writer, membership.joinedPosition]]));
    const unthreaded = receipts.find((row) => row.thread_id === '')?.room_index ?? 0;
    const threaded = receipts.filter((row) => row.thread_id !== '');
    const threads = threaded.map((row): [string, number] => [
      row.thread_id === MAIN_TIMELINE ? '' : row.thread_id,
      row.room_index,
    ]);
    return { room: Math.max(unthreaded, joined), threads: new Map(threads) };
  }

  #note(change: PublishedChange): void {
    switch (change.kind) {
      case 'event': {
        const news = this.#news.take(change.eventNid);
        if (change.type === 'm.room.redaction') this.#noteRedaction(change.roomId);
        if (news === undefined) this.#rooms.delete(change.roomId);
        else if (news !== 'nothing') this.#add(change.roomId, news);
        return;
      }
      case 'receipt':
      case 'membership':
        this.#forgetReader(change.roomId, change.userId);
    }
  }

  #add(roomId: string, news: UnreadEvent): void {
    const cached = this.#rooms.peek(roomId);
    if (cached === undefined) return;
    const { roomIndex, sender, threadId, outcome, exceptions, isReadBySender } = news;
    if (threadId === undefined) {
      if (outcome.notifies || exceptions.size > 0) this.#rooms.delete(roomId);
      else this.#forgetReader(roomId, sender);
      return;
    }
    if (outcome.notifies) addToRoom(cached, { roomIndex, sender, threadId, highlights: outcome.highlights });
    for (const userId of exceptions.keys()) {
      const reader = cached.readers.get(userId);
      if (reader === undefined) continue;
      addToReader(reader, userId, news);
      cached.readerRows++;
    }
    const own = isReadBySender ? cached.readers.get(sender) : undefined;
    if (own !== undefined) addToReader(own, sender, news);
    if (own !== undefined && own.read.threads.size > MAX_READ_THREADS) this.#forgetReader(roomId, sender);
    if (exceptions.size > 0) this.#weigh(roomId, cached);
  }

  /** Whether it took something away, and from whom, only the tables know; from who has no exceptions it took none. */
  #noteRedaction(roomId: string): void {
    const cached = this.#rooms.peek(roomId);
    if (cached === undefined) return;
    const kept = [...cached.readers].filter(([, reader]) => reader.early === undefined && exceptionCount(reader) === 0);
    for (const [, reader] of kept) reader.counted = undefined;
    this.#openRoom(roomId, new Map(kept));
  }

  #forgetReader(roomId: string, userId: string): void {
    const cached = this.#rooms.peek(roomId);
    const reader = cached?.readers.get(userId);
    if (cached === undefined || reader === undefined) return;
    cached.readers.delete(userId);
    if (reader.early === undefined) cached.readerRows -= 1 + exceptionCount(reader);
  }

  #weigh(roomId: string, cached: CachedRoom): void {
    if (this.#rooms.peek(roomId) !== cached) return;
    if (cached.readerRows > MAX_READER_ROWS) {
      cached.readers.clear();
      cached.readerRows = 0;
    }
    this.#rooms.set(roomId, cached);
  }
}

function exceptionCount(reader: Reader): number {
  return reader.alerts.size + reader.mutes.size;
}

/** What was read from the tables may have been published only later. */
function addToRoom(cached: CachedRoom, event: CountedEvent): void {
  if (cached.early !== undefined) {
    // What was published before the reading began will be read.
    if (cached.loaded !== undefined) cached.early.push(event);
    return;
  }
  if (event.roomIndex <= (cached.events.at(-1)?.roomIndex ?? 0)) return;
  cached.events.push(event);
  if (cached.events.length >= MAX_COUNTED + TAIL_SLACK) cached.events = cached.events.slice(-MAX_COUNTED);
}

function addToReader(reader: Reader, userId: string, event: UnreadEvent): void {
  if (reader.early !== undefined) {
    reader.early.push(event);
    return;
  }
  if (event.isReadBySender && event.sender === userId) markAsRead(reader, event);
  const own = event.exceptions.get(userId);
  if (own === undefined) return;
  reader.counted = undefined;
  const list = own.notifies ? reader.alerts : reader.mutes;
  if (own.notifies) {
    reader.alerts.set(event.roomIndex, { threadId: event.threadId ?? '', highlights: own.highlights });
  } else {
    reader.mutes.add(event.roomIndex);
  }
  for (const oldest of list.keys()) {
    if (list.size <= MAX_COUNTED) break;
    list.delete(oldest);
  }
}

function markAsRead(reader: Reader, { roomIndex, threadId = '' }: UnreadEvent): void {
  const { threads } = reader.read;
  threads.set(threadId, Math.max(threads.get(threadId) ?? 0, roomIndex));
  reader.counted = undefined;
}

/** Who waits for the promise hears of its failure; this is for what has to be done anyway. */
function whenFailed(promise: Promise<void>, action: () => void): void {
  promise.catch(action);
}
