import { MatrixError } from '@limpet/protocol/matrix-error';
import type { RoomRecord } from '../../services/rooms/room-event.ts';
import type { TimelineReader } from '../../services/rooms/timeline.ts';
import { parseSlidingPos } from '../../services/sync/sliding/sliding-pos.ts';
import { parseSyncToken, parseTimelineToken } from '../../services/sync/sync-token.ts';
import type { Storage } from '../../storage/storage.ts';

/** What turns tokens into places. */
export interface TimelinePlaces {
  readonly storage: Storage;
  readonly timeline: TimelineReader;
}

/** A token as a client gave it, and the parameter that it came in. */
export interface GivenToken {
  readonly text: string | undefined;
  readonly parameter: string;
}

/**
 * The place that a token means in a room: a `room_index`, with what is older up to it. Takes tokens of timelines, of
 * `/sync` and of sliding sync (MSC4186, `pos`); an empty one counts as none. Throws M_INVALID_PARAM for anything else.
 */
export async function timelinePlace(
  { text, parameter }: GivenToken,
  room: RoomRecord,
  { storage, timeline }: TimelinePlaces,
): Promise<number | undefined> {
  if (text === undefined || text === '') return undefined;
  const { databaseTag } = storage;
  const index = parseTimelineToken(text, databaseTag);
  if (index !== undefined) return index;
  if (text.startsWith('t')) {
    throw new MatrixError('M_INVALID_PARAM', `${parameter} is not a token that this server gave out.`);
  }
  const current = storage.stream.current();
  const vector =
    parseSlidingPos(text, { databaseTag, current })?.vector ??
    parseSyncToken(text, { databaseTag, current, parameter }).vector;
  return timeline.roomIndexAt(room, vector);
}
