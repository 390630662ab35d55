import type { StreamVector } from '../../storage/stream.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { EventViewer } from '../rooms/room-reader.ts';
import type { StickyCursor } from '../sticky-events/sticky-cursor.ts';
import { readStickySection } from './sticky-section.ts';
import type { SyncSources } from './sync-sources.ts';
import type { UserRoom } from './user-room.ts';

/** A room that the user is joined to. */
export interface RoomStickyQuery extends UserRoom {
  /** What the answer gives of its timeline. */
  readonly timeline: readonly RoomEvent[];
  /** Where the answer is cut. */
  readonly upTo: StreamVector;
}

export interface RoomSticky {
  /** `"msc4354_sticky":{"events":[…]}`; `undefined` where it would be empty. */
  readonly section: string | undefined;
  /** Where the next answer goes on; `undefined` when everything was given. */
  readonly cursor: StickyCursor | undefined;
}

export const NO_STICKY: RoomSticky = { section: undefined, cursor: undefined };

/** What is sticky in one room, the first page of it, as a first sync would tell it. */
export async function readRoomSticky(
  { room, membership, timeline, upTo }: RoomStickyQuery,
  viewer: EventViewer,
  sources: SyncSources,
): Promise<RoomSticky> {
  const { stickyEnabled, stickySectionName } = sources.settings;
  if (!stickyEnabled) return NO_STICKY;
  const query = {
    request: { userId: viewer.userId, since: undefined },
    range: { upTo },
    joined: [{ room, membership }],
    answered: [{ timeline }],
  };
  const { events, cursor } = await readStickySection(query, sources);
  const found = events.get(room.nid) ?? [];
  if (found.length === 0) return { section: undefined, cursor };
  const texts = await sources.rooms.present(found, viewer);
  return { section: `"${stickySectionName}":{"events":[${texts.join()}]}`, cursor };
}
