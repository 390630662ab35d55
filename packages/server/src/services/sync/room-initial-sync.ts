import type { Storage } from '../../storage/storage.ts';
import { hasSeen, type StreamVector } from '../../storage/stream.ts';
import type { RoomAccess } from '../rooms/room-access.ts';
import type { RoomEvent } from '../rooms/room-event.ts';
import type { EventViewer } from '../rooms/room-reader.ts';
import type { RoomReading } from '../rooms/room-reading.ts';
import { NO_STICKY, type RoomSticky } from './room-sticky.ts';
import type { SyncService } from './sync-service.ts';
import { formatSyncToken, formatTimelineToken } from './sync-token.ts';

/** Messages, where the client does not say, and at most. */
const DEFAULT_MESSAGES = 10;
const MAX_MESSAGES = 100;

export interface RoomInitialSyncParts {
  readonly storage: Storage;
  readonly reading: RoomReading;
  readonly sync: Pick<SyncService, 'stickyOfRoom'>;
  readonly directory: { isListed(roomId: string): Promise<boolean> };
}

export interface RoomInitialSyncQuery {
  readonly access: RoomAccess;
  readonly viewer: EventViewer;
  readonly limit: number | undefined;
}

/**
 * One room as it is: its state, its latest messages, and what is sticky beside those (C1, C3, C9), as JSON text. What
 * comes then is told by `GET /events` from `messages.end`, for who is in the room; the rest of many sticky events, too.
 * Specification: client-server API, "Room previews", `GET /rooms/{roomId}/initialSync`.
 */
export async function roomInitialSync(query: RoomInitialSyncQuery, parts: RoomInitialSyncParts): Promise<string> {
  const { access, viewer } = query;
  const { reading, directory } = parts;
  const { roomId } = access.room;
  const limit = Math.min(query.limit ?? DEFAULT_MESSAGES, MAX_MESSAGES);
  const { databaseTag, stream } = parts.storage;
  const upTo = stream.current();
  const from = await reading.timeline.roomIndexAt(access.room, upTo);
  const asked = { from, to: undefined, direction: 'backwards', limit, filter: undefined } as const;
  const { events, start, end } = await reading.history.messages(access, asked);
  const sticky = await readSticky(query, { events, upTo }, parts);
  const endToken =
    access.joined === undefined
      ? formatTimelineToken(start, databaseTag)
      : formatSyncToken({ vector: upTo, sticky: sticky.cursor, toDeviceUpTo: undefined }, databaseTag);
  const tokens = { start: formatTimelineToken(end ?? start, databaseTag), end: endToken };
  const chunk = await reading.rooms.present([...events].reverse(), viewer);
  const state = await reading.rooms.present(await reading.states.all(access), viewer);
  const visibility = (await directory.isListed(roomId)) ? 'public' : 'private';
  const fields = [`"room_id":${JSON.stringify(roomId)},"visibility":"${visibility}"`];
  if (access.joined !== undefined) fields.push('"membership":"join"');
  fields.push(`"messages":${JSON.stringify(tokens).slice(0, -1)},"chunk":[${chunk.join()}]}`);
  fields.push(`"state":[${state.join()}]`);
  if (sticky.section !== undefined) fields.push(sticky.section);
  return `{${fields.join()}}`;
}

async function readSticky(
  { access, viewer }: RoomInitialSyncQuery,
  { events, upTo }: { readonly events: readonly RoomEvent[]; readonly upTo: StreamVector },
  { sync }: RoomInitialSyncParts,
): Promise<RoomSticky> {
  const { room, joined } = access;
  // Of a join that is not published yet, `GET /events` tells all that comes with it.
  const isPublished = joined !== undefined && hasSeen(upTo, { ...joined, position: joined.joinedPosition ?? 0 });
  if (!isPublished) return NO_STICKY;
  return sync.stickyOfRoom({ room, membership: joined, timeline: events, upTo }, viewer);
}
