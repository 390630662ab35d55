import { hasSeen, rangesBetween, type StreamPlace, type StreamRange, type StreamVector } from '../../storage/stream.ts';

/** The stretch of the stream that one answer tells about. */
export interface SyncRange {
  /** `undefined` for an initial sync. */
  readonly since: StreamVector | undefined;
  readonly upTo: StreamVector;
  /** The same, writer by writer. */
  readonly ranges: readonly StreamRange[];
}

export function syncRange(since: StreamVector | undefined, upTo: StreamVector): SyncRange {
  return { since, upTo, ranges: rangesBetween(since, upTo) };
}

/** The range up to and with this place. Of other writers all stays: a room's events are of one writer at a time. */
export function rangeUpTo({ since, upTo }: SyncRange, { writer, position }: StreamPlace): SyncRange {
  return syncRange(since, new Map(upTo).set(writer, Math.min(position, upTo.get(writer) ?? 0)));
}

/** Did this place come after what `since` has seen? For an initial sync everything did. */
export function isNews(range: SyncRange, place: StreamPlace): boolean {
  return range.since === undefined || !hasSeen(range.since, place);
}

/** Is this place beyond what the answer tells? Then it is committed, and about to be published. */
export function isBeyond(range: SyncRange, place: StreamPlace): boolean {
  return !hasSeen(range.upTo, place);
}
