import { createCache } from '../../cache/create-cache.ts';
import { selectEdgeBackwards, selectEdgeForwards } from '../../storage/queries/timeline-edges.ts';
import type { Storage } from '../../storage/storage.ts';
import { hasSeen, type StreamVector } from '../../storage/stream.ts';
import type { EventFilter } from './event-filter.ts';
import { eventFilterMatches, isOpenFilter } from './event-filter-matches.ts';
import type { EventStore } from './event-store.ts';
import { placeOf, type RoomEvent, type RoomRecord } from './room-event.ts';
import type { TimelinePage, TimelineQuery, TimelineReader } from './timeline.ts';
import { compileTimelineQuery } from './timeline-query.ts';

/** Most events of a room that one filtered page looks through, however few of them pass. */
export const MAX_EVENTS_LOOKED_THROUGH = 5_000;
/** Fewest events that a filtered read asks the database for. */
const MIN_FILTERED_READ = 100;
/** Places of vectors in rooms kept in memory. */
const MAX_CACHED_PLACES = 100_000;

/** Reads pages of timelines. Soft-failed and rejected events are never in one (A5, E7). */
export class TimelinePages implements TimelineReader {
  readonly #storage: Storage;
  readonly #events: EventStore;
  readonly #places = createCache<string, number>(MAX_CACHED_PLACES);

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  async page(query: TimelineQuery): Promise<TimelinePage> {
    if (query.filter === undefined || isOpenFilter(query.filter)) return this.#wholePage(query);
    return this.#filteredPage(query, query.filter);
  }

  /** What is published never changes, so a vector's place is looked up once. */
  async roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number> {
    const key = `${room.nid} ${[...vector].join(' ')}`;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const index = await this.#events.roomIndexAt(room, vector);
    if (isPublished(vector, this.#storage.stream.current())) this.#places.set(key, index);
    return index;
  }

  async #wholePage(query: TimelineQuery): Promise<TimelinePage> {
    const { room, after, before, limit } = query;
    const range = { room, after, before, limit: limit + 1 };
    const found = await (query.direction === 'backwards'
      ? this.#events.backwards(range)
      : this.#events.forwards(range));
    const events = found.slice(0, limit);
    return {
      events: events.filter(isAccepted),
      next: found.length > limit ? placeOf(events.at(-1)).roomIndex : undefined,
    };
  }

  async #filteredPage(query: TimelineQuery, filter: EventFilter): Promise<TimelinePage> {
    const edge = await this.#edge(query);
    const isBackwards = query.direction === 'backwards';
    const passed: RoomEvent[] = [];
    const size = Math.max(query.limit + 1, MIN_FILTERED_READ);
    // The edge itself is looked at: it belongs to this page.
    let rest: TimelineQuery = { ...query, limit: size };
    if (edge !== undefined) rest = isBackwards ? { ...rest, after: edge - 1 } : { ...rest, before: edge + 1 };
    const builder = await this.#storage.builder();
    for (;;) {
      const rows = await this.#storage.readCompiled(compileTimelineQuery(builder, rest, filter));
      const found = await this.#events.read(rows);
      passed.push(...found.filter((event) => isAccepted(event) && eventFilterMatches(filter, event.pdu)));
      const events = passed.slice(0, query.limit);
      if (passed.length > query.limit) return { events, next: placeOf(events.at(-1)).roomIndex };
      if (rows.length < size) return { events, next: edge };
      const last = placeOf(found.at(-1)).roomIndex;
      rest = isBackwards ? { ...rest, before: last } : { ...rest, after: last };
    }
  }

  /** The last event that is looked at; `undefined` where the stretch ends before. */
  async #edge({ room, after, before, direction }: TimelineQuery): Promise<number | undefined> {
    const statement = direction === 'backwards' ? selectEdgeBackwards : selectEdgeForwards;
    const offset = MAX_EVENTS_LOOKED_THROUGH - 1;
    const rows = await this.#storage.read(statement, { roomNid: room.nid, after, before, offset });
    // The one behind it tells whether there is more.
    return rows.length > 1 ? rows[0]?.room_index : undefined;
  }
}

function isAccepted({ isRejected, isSoftFailed }: RoomEvent): boolean {
  return !isRejected && !isSoftFailed;
}

function isPublished(vector: StreamVector, current: StreamVector): boolean {
  return [...vector].every(([writer, position]) => hasSeen(current, { writer, position }));
}
