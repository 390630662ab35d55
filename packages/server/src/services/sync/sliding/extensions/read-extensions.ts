import type { JsonObject } from '@limpet/protocol/json';
import type { StreamVector } from '../../../../storage/stream.ts';
import type { RoomEvent } from '../../../rooms/room-event.ts';
import type { SyncNews } from '../../sync-news.ts';
import type { SyncRange } from '../../sync-range.ts';
import type { SyncSources } from '../../sync-sources.ts';
import type { UserRoom } from '../../user-room.ts';

/** The request's `extensions`. */
export type ExtensionRequests = JsonObject;

export interface ExtensionsInput {
  readonly userId: string;
  readonly deviceId: string;
  readonly extensions: ExtensionRequests;
  /** Begins at the vector of `pos` (`undefined` on a new connection), and ends where this answer does. */
  readonly range: SyncRange;
  readonly news: SyncNews | undefined;
  /** Every room of the user, as it is at the end of the range. */
  readonly rooms: readonly UserRoom[];
  /** By name of the list: the rooms in its windows, and all that its filters let pass. */
  readonly lists: ReadonlyMap<string, { readonly window: readonly UserRoom[]; readonly matching: readonly UserRoom[] }>;
  readonly subscriptions: readonly UserRoom[];
  /** Rooms in this answer, by room nid: whether for the first time on this connection, and the timeline as given. */
  readonly answered: ReadonlyMap<number, { readonly isInitial: boolean; readonly timeline: readonly RoomEvent[] }>;
  /**
   * By room nid: up to where extensions told of the room on this connection; absent for never. All are absent again
   * when an extension is enabled that was not before.
   */
  readonly toldUpTo: ReadonlyMap<number, StreamVector>;
}

export interface ExtensionsAnswer {
  /** By name of the extension: its part, as JSON text. */
  readonly texts: ReadonlyMap<string, string>;
  /** There is nothing in it that a waiting client has to be told. */
  readonly isEmpty: boolean;
}

/** What the extensions tell, up to the end of the answer's range. */
export async function readExtensions(_input: ExtensionsInput, _sources: SyncSources): Promise<ExtensionsAnswer> {
  return { texts: new Map(), isEmpty: true };
}
