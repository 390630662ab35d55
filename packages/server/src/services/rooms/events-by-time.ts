import {
  type EventTimeRow,
  selectEventTimes,
  selectEventTimesBefore,
  selectTimelineBounds,
} from '../../storage/queries/served-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { RoomRecord } from './room-event.ts';

/** Events looked at for each step of the search: the median tells, so that an odd timestamp misleads nobody. */
const EVENTS_PER_STEP = 9;
/** Events before and after the place found among which the closest one is looked for. */
const EVENTS_AROUND = 500;
/** Of these, how many are given: who asks may not be allowed to see the closest. */
const MAX_GIVEN = 100;

export interface TimedEvent {
  readonly eventId: string;
  readonly originServerTs: number;
}

/**
 * The events of a room closest to a time, at or after it (`f`) or at or before it (`b`), the closest first.
 *
 * Timelines are nearly in the order of their timestamps, so the place is found by halving and the event among those
 * around it. That takes some twenty small reads in the largest of rooms; an index by time would have to be written with
 * every event, for a question that is hardly asked.
 */
export async function eventsByTime(
  storage: Storage,
  room: RoomRecord,
  { ts, direction }: { readonly ts: number; readonly direction: 'f' | 'b' },
): Promise<TimedEvent[]> {
  const roomNid = room.nid;
  const [bounds] = await storage.read(selectTimelineBounds, { roomNid });
  if (bounds?.first_index === undefined || bounds.first_index === null || bounds.last_index === null) return [];
  let low = bounds.first_index;
  let high = bounds.last_index + 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const from = Math.max(bounds.first_index, middle - Math.floor(EVENTS_PER_STEP / 2));
    const times = await storage.read(selectEventTimes, { roomNid, from, limit: EVENTS_PER_STEP });
    if (medianOf(times) < ts) low = middle + 1;
    else high = middle;
  }
  // Numbers are left out where history is not here, so what stands around is read from both sides.
  const [before, behind] = await Promise.all([
    storage.read(selectEventTimesBefore, { roomNid, before: low, limit: EVENTS_AROUND }),
    storage.read(selectEventTimes, { roomNid, from: low, limit: EVENTS_AROUND }),
  ]);
  return closest([...before.reverse(), ...behind], ts, direction);
}

function medianOf(times: readonly EventTimeRow[]): number {
  const sorted = times.map((row) => row.origin_server_ts).sort((left, right) => left - right);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY;
}

function closest(rows: readonly EventTimeRow[], ts: number, direction: 'f' | 'b'): TimedEvent[] {
  const distance = (row: EventTimeRow) => (direction === 'f' ? row.origin_server_ts - ts : ts - row.origin_server_ts);
  const candidates = rows.filter((row) => distance(row) >= 0).sort((left, right) => distance(left) - distance(right));
  return candidates.slice(0, MAX_GIVEN).map((row) => ({ eventId: row.event_id, originServerTs: row.origin_server_ts }));
}
