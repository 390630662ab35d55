import { MomentaryReads } from '../../storage/momentary-reads.ts';
import type { Stream, StreamVector } from '../../storage/stream.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { TimelinePage, TimelineQuery, TimelineReader } from '../rooms/timeline.ts';

/** A timeline whose pages, and places of vectors, are read once for all who wait in a room. */
export class MomentaryTimeline implements TimelineReader {
  readonly #timeline: TimelineReader;
  readonly #pages: MomentaryReads<TimelinePage>;
  readonly #places: MomentaryReads<number>;

  constructor(timeline: TimelineReader, stream: Stream) {
    this.#timeline = timeline;
    this.#pages = new MomentaryReads(stream);
    this.#places = new MomentaryReads(stream);
  }

  page(query: TimelineQuery): Promise<TimelinePage> {
    if (query.filter !== undefined) return this.#timeline.page(query);
    const { room, after, before, limit, direction } = query;
    const key = `${room.nid} ${after} ${before} ${limit} ${direction}`;
    return this.#pages.once(key, () => this.#timeline.page(query));
  }

  roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number> {
    const key = `${room.nid} ${[...vector].join(' ')}`;
    return this.#places.once(key, () => this.#timeline.roomIndexAt(room, vector));
  }
}
