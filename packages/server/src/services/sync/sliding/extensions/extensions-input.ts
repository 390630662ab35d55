import type { SlidingSyncExtensions } from '@limpet/protocol/endpoints/client/sliding-sync-extensions';
import type { StreamVector } from '../../../../storage/stream.ts';
import type { RoomEvent } from '../../../rooms/room-event.ts';
import type { SyncNews } from '../../sync-news.ts';
import type { SyncRange } from '../../sync-range.ts';
import type { UserRoom } from '../../user-room.ts';

/** What the extensions of one answer are read from. The rooms of the answer are decided before. */
export interface ExtensionsInput {
  readonly userId: string;
  readonly deviceId: string;
  readonly extensions: SlidingSyncExtensions;
  /** Names of extensions that the request before on this connection had not enabled. */
  readonly newlyEnabled: ReadonlySet<string>;
  /** From the vector of `pos` (`undefined` on a new connection) to where this answer ends. */
  readonly range: SyncRange;
  /** `undefined`: anything may have happened. */
  readonly news: SyncNews | undefined;
  /** Every room of the user at the end of the range. */
  readonly rooms: readonly UserRoom[];
  /** By list name: the rooms in its windows, and those that its filters match at any window. */
  readonly lists: ReadonlyMap<string, ListRooms>;
  readonly subscriptions: readonly UserRoom[];
  /** By room nid: the rooms in this answer. */
  readonly answered: ReadonlyMap<number, AnsweredRoom>;
  /**
   * By room nid: up to where this connection has told extension data of the room; absent = never. All are forgotten
   * when an extension is enabled that was not enabled in the request before.
   */
  readonly toldUpTo: ReadonlyMap<number, StreamVector>;
}

interface ListRooms {
  readonly window: readonly UserRoom[];
  readonly matching: readonly UserRoom[];
}

interface AnsweredRoom {
  /** Shown for the first time on this connection. */
  readonly isInitial: boolean;
  /** As given out. */
  readonly timeline: readonly RoomEvent[];
}

/** What one extension adds to an answer. */
export interface ExtensionPart {
  /** The name it was asked for by. */
  readonly name: string;
  /** JSON. */
  readonly text: string;
  /** Whether a client that waits has to be told. */
  readonly isNews: boolean;
}
