import type { RoomEvent, RoomRecord } from '../rooms/room-event.ts';
import type { SyncRange } from './sync-range.ts';
import type { SyncRequest } from './sync-request.ts';

/** What the state of one room is told for. */
export interface StateQuery {
  readonly request: SyncRequest;
  readonly room: RoomRecord;
  readonly range: SyncRange;
  /** The whole state is due: first sight of the room, or asked for. */
  readonly isWhole: boolean;
  /** The timeline as it is given, oldest first. */
  readonly timeline: readonly RoomEvent[];
  /** The newest event up to the answer's end, filtered out or not; `undefined` for an empty stretch. */
  readonly last: RoomEvent | undefined;
  /** There is a gap between `since` and the timeline. */
  readonly isLimited: boolean;
  /** False when it is known that no state event came in the stretch. */
  readonly mayHaveChanged: boolean;
  /** False when it is known that all that changed stands in the stretch. */
  readonly mayBeResolved: boolean;
  /** Users whom the room is named after, as far as this answer tells them. */
  readonly heroes: readonly string[];
}
