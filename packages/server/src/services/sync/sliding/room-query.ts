import type { StreamVector } from '../../../storage/stream.ts';
import type { RoomEvent } from '../../rooms/room-event.ts';
import type { RoomNews } from '../sync-news.ts';
import type { SyncRange } from '../sync-range.ts';
import type { UserRoom } from '../user-room.ts';
import type { ToldRoom } from './connection-state.ts';
import type { Activity } from './room-activity.ts';
import type { RoomConfig } from './room-config.ts';
import type { SlidingRequest } from './sliding-request.ts';
import type { SlotFinder } from './slot-finder.ts';

/** One room, as one answer looks at it. */
export interface RoomQuery extends UserRoom {
  readonly request: SlidingRequest;
  /** From the client's `pos` to the end of the answer. */
  readonly range: SyncRange;
  /** Up to where the room was told on this connection; `undefined` for never. */
  readonly since: StreamVector | undefined;
  readonly told: ToldRoom | undefined;
  readonly config: RoomConfig;
  /** What is known to have happened since; `undefined`: anything may have. */
  readonly news: RoomNews | undefined;
  /** The user's receipts in it may have moved since. */
  readonly isRead: boolean;
  readonly activity: Activity;
  readonly isDirect: boolean;
  /** Names the connection and the room, for what is remembered of the two. */
  readonly membersKey: string;
  readonly slotFinder: SlotFinder;
}

/** A room that the user is in, and what of it has to be read. */
export interface RoomReading {
  readonly query: RoomQuery;
  readonly room: RoomQuery['room'];
  readonly slotFinder: SlotFinder;
  /** From where the client knows the room. */
  readonly range: SyncRange;
  readonly isInitial: boolean;
  /** More of the past is wanted than was told. */
  readonly isExpanded: boolean;
  readonly mayHaveEvents: boolean;
  readonly mayHaveState: boolean;
}

/** What a room has for the client. */
export interface RoomAnswer {
  /** Its properties and their JSON texts, without the events. */
  readonly properties: readonly string[];
  readonly isInitial: boolean;
  readonly state: readonly RoomEvent[];
  /** `undefined` where there is no timeline to speak of. */
  readonly timeline: readonly RoomEvent[] | undefined;
  /** The client lacks something before it: what relates to its events is bundled, as in a `limited` one of `/sync`. */
  readonly isLimited?: boolean | undefined;
  /** What counts as told from now on; `undefined`: nothing. */
  readonly told: Pick<ToldRoom, 'timelineLimit' | 'stateRules' | 'isStripped'> | undefined;
}
