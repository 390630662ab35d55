import { LRUCache } from 'lru-cache';
import type { Stream, StreamVector } from '../../storage/stream.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { TimelinePage, TimelineQuery, TimelineReader } from '../rooms/timeline.ts';

/** Pages kept until the next publication. */
const MAX_PAGES = 1_000;

/**
 * A timeline that reads a page once for all who ask before anything else is published: a thousand clients that wait in
 * a room all ask for the same page when an event comes. After the next publication (of a redaction, say) it reads anew.
 */
export class MomentaryTimeline implements TimelineReader {
  readonly #timeline: TimelineReader;
  readonly #pages = new LRUCache<string, Promise<TimelinePage>>({ max: MAX_PAGES });

  constructor(timeline: TimelineReader, stream: Stream) {
    this.#timeline = timeline;
    stream.follow(() => this.#pages.clear());
  }

  page(query: TimelineQuery): Promise<TimelinePage> {
    if (query.filter !== undefined) return this.#timeline.page(query);
    const { room, after, before, limit, direction } = query;
    const key = `${room.nid} ${after} ${before} ${limit} ${direction}`;
    const known = this.#pages.get(key);
    if (known !== undefined) return known;
    const page = this.#timeline.page(query);
    this.#pages.set(key, page);
    page.catch(() => {
      // Whoever asked is told; the next one reads again.
      if (this.#pages.peek(key) === page) this.#pages.delete(key);
    });
    return page;
  }

  roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number> {
    return this.#timeline.roomIndexAt(room, vector);
  }
}
