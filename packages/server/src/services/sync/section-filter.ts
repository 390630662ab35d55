import { eventTypeMatches as typeMatches } from '../accounts/event-type-matches.ts';
import type { RoomEventFilter, SectionFilter } from '../accounts/filter.ts';
import { includesRoom } from '../accounts/filter.ts';
import type { EventFilter } from '../rooms/event-filter.ts';

/** Most events of a timeline, whatever the filter asks for, and what it is where it does not say. */
const MAX_TIMELINE_LIMIT = 500;
const DEFAULT_TIMELINE_LIMIT = 10;

export function timelineLimit(filter: RoomEventFilter): number {
  return Math.min(filter.limit ?? DEFAULT_TIMELINE_LIMIT, MAX_TIMELINE_LIMIT);
}

/** What decides on single events; `undefined` when every event passes. */
export function eventFilterOf(filter: RoomEventFilter): EventFilter | undefined {
  const { types, notTypes, senders, notSenders, containsUrl } = filter;
  const isOpen =
    types === undefined &&
    senders === undefined &&
    containsUrl === undefined &&
    notTypes.length === 0 &&
    notSenders.length === 0;
  return isOpen ? undefined : filter;
}

/** Sections whose events have a type and nothing else to decide by (account data, receipts, typing). */
export function typePasses(filter: SectionFilter, type: string): boolean {
  if (filter.types !== undefined && !filter.types.some((pattern) => typeMatches(pattern, type))) return false;
  return !filter.notTypes.some((pattern) => typeMatches(pattern, type));
}

/** The same for a section of one room, which may be left out as a whole. */
export function typePassesIn(filter: RoomEventFilter, roomId: string, type: string): boolean {
  return includesRoom(filter, roomId) && typePasses(filter, type);
}
