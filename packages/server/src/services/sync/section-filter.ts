import { eventTypeMatches } from '../accounts/event-type-matches.ts';
import { includesRoom, type RoomEventFilter, type SectionFilter } from '../accounts/filter.ts';
import type { EventFilter } from '../rooms/event-filter.ts';
import { isOpenFilter } from '../rooms/event-filter-matches.ts';

/** Most events of a timeline, whatever the filter asks for, and what it is where it does not say. */
const MAX_TIMELINE_LIMIT = 500;
const DEFAULT_TIMELINE_LIMIT = 10;

export function timelineLimit(filter: RoomEventFilter): number {
  return Math.min(filter.limit ?? DEFAULT_TIMELINE_LIMIT, MAX_TIMELINE_LIMIT);
}

/** What decides on single events; `undefined` when every event passes. */
export function eventFilterOf(filter: RoomEventFilter): EventFilter | undefined {
  return isOpenFilter(filter) ? undefined : filter;
}

/** Sections whose events have a type and nothing else to decide by (account data, receipts, typing). */
export function typePasses(filter: SectionFilter, type: string): boolean {
  if (filter.types !== undefined && !filter.types.some((pattern) => eventTypeMatches(pattern, type))) return false;
  return !filter.notTypes.some((pattern) => eventTypeMatches(pattern, type));
}

/** The same for a section of one room, which may be left out as a whole. */
export function typePassesIn(filter: RoomEventFilter, roomId: string, type: string): boolean {
  return includesRoom(filter, roomId) && typePasses(filter, type);
}
