import type { RoomEvent } from './room-event.ts';

/**
 * Where a room was left by all of ours and is joined again, so many numbers of `room_index` are left out: for what
 * happened meanwhile, should somebody want to read it.
 */
export const GAP_WIDTH = 1_000_000_000;

/**
 * What others push of the time before this server came stands so far before its join, in the order in which it comes:
 * far enough that what lies between can be fetched into its place.
 */
export const PAST_OFFSET = 700_000_000;

/** A place in a timeline where events may be that other servers alone have. */
export interface TimelineGap {
  /** The `room_index` of the last event before it. */
  readonly after: number;
  /** How many of the events given are newer. */
  readonly newer: number;
}

/** The gaps that a stretch of a timeline spans: `before` a place, newest first. Some of them may be full by now. */
export function gapsIn(events: readonly RoomEvent[], before: number): TimelineGap[] {
  const gaps: TimelineGap[] = [];
  let above = before;
  for (const [newer, { place }] of events.entries()) {
    if (place === undefined) continue;
    if (above - place.roomIndex > GAP_WIDTH / 2) gaps.push({ after: place.roomIndex, newer });
    above = place.roomIndex;
  }
  return gaps;
}
