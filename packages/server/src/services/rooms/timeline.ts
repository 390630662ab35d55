import type { StreamVector } from '../../storage/stream.ts';
import type { EventFilter } from './event-filter.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';

/** What the readers of a timeline (sync, messages, context) ask for; `TimelineReader` answers it. */
export interface TimelineQuery {
  readonly room: RoomRecord;
  /** The stretch by `room_index`; both ends are left out. */
  readonly after: number;
  readonly before: number;
  /** Most events to give, at least 1. */
  readonly limit: number;
  readonly direction: 'backwards' | 'forwards';
  readonly filter: EventFilter | undefined;
}

export interface TimelinePage {
  /** In the direction asked for. */
  readonly events: readonly RoomEvent[];
  /** The `room_index` where the next page starts (its `before` or `after`); `undefined` when there is nothing more. */
  readonly next: number | undefined;
}

export interface TimelineReader {
  page(query: TimelineQuery): Promise<TimelinePage>;
  /** The last `room_index` seen at this vector; 0 when none. */
  roomIndexAt(room: RoomRecord, vector: StreamVector): Promise<number>;
}
