import { MatrixError } from '@limpet/protocol/matrix-error';
import type { RoomRecord } from '../../services/rooms/room-event.ts';
import type { TimelineReader } from '../../services/rooms/timeline.ts';
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
 * The place that a token means in a room: a `room_index`, with what is older up to it. Takes tokens of timelines and of
 * `/sync`; an empty one counts as none. Throws M_INVALID_PARAM for anything else.
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
  const { vector } = parseSyncToken(text, { databaseTag, current: storage.stream.current(), parameter });
  return timeline.roomIndexAt(room, vector);
}
