import type { Stream, StreamVector } from '../../storage/stream.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { TimelinePage, TimelineQuery, TimelineReader } from '../rooms/timeline.ts';

/** Pages, and places of vectors in rooms, kept until the next publication; when there are more, it begins anew. */
const MAX_KEPT = 1_000;

/**
 * A timeline that reads a page once for all who ask before anything else is published: a thousand clients that wait in
 * a room all ask for the same page when an event comes. After the next publication (of a redaction, say) it reads anew.
 */
export class MomentaryTimeline implements TimelineReader {
  readonly #timeline: TimelineReader;
  readonly #pages = new Map<string, Promise<TimelinePage>>();
  readonly #places = new Map<string, Promise<number>>();

  constructor(timeline: TimelineReader, stream: Stream) {
    this.#timeline = timeline;
    stream.follow(() => {
      this.#pages.clear();
      this.#places.clear();
    });
  }

  page(query: TimelineQuery): Promise<TimelinePage> {
    if (query.filter !== undefined) return this.#timeline.page(query);
    const { room, after, before, limit, direction } = query;
    const key = `${room.nid} ${after} ${before} ${limit} ${direction}`;
    return once(this.#pages, key, () => this.#timeline.page(query));
  }

  roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number> {
    const key = `${room.nid} ${[...vector].join(' ')}`;
    return once(this.#places, key, () => this.#timeline.roomIndexAt(room, vector));
  }
}

function once<Value>(kept: Map<string, Promise<Value>>, key: string, read: () => Promise<Value>): Promise<Value> {
  const known = kept.get(key);
  if (known !== undefined) return known;
  if (kept.size >= MAX_KEPT) kept.clear();
  const reading = read();
  kept.set(key, reading);
  reading.catch(() => {
    // Whoever asked is told; the next one reads again.
    if (kept.get(key) === reading) kept.delete(key);
  });
  return reading;
}
