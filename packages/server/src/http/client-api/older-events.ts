import {
  getEventById,
  initialSync,
  roomInitialSync,
  streamEvents,
} from '@limpet/protocol/endpoints/client/older-events';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import type { RoomReading } from '../../services/rooms/room-reading.ts';
import type { RoomsService } from '../../services/rooms/rooms.ts';
import type { OlderSync } from '../../services/sync/older-sync.ts';
import { formatTimelineToken, parseSyncToken } from '../../services/sync/sync-token.ts';
import type { Storage } from '../../storage/storage.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { list, viewerOf } from './room-history.ts';

/** Messages of one room, where the client does not say. */
const DEFAULT_MESSAGES = 10;
const MAX_MESSAGES = 100;

export interface OlderEventParts {
  readonly olderSync: OlderSync;
  readonly rooms: Pick<RoomsService, 'directory'>;
  readonly reading: RoomReading;
  readonly storage: Storage;
}

/** Specification: client-server API, "Old sync endpoints" and "Peeking events". */
export function olderEventRoutes({ olderSync, rooms, reading, storage }: OlderEventParts): Route[] {
  const { door, history, states } = reading;
  const { databaseTag } = storage;
  return [
    route(initialSync, ({ query, requester, signal }) => {
      const { userId, deviceId } = requester;
      return olderSync.initialSync({ userId, deviceId, signal, limit: query.limit, archived: query.archived ?? false });
    }),

    route(streamEvents, ({ query, requester, signal }) => {
      const { userId, deviceId } = requester;
      const places = { databaseTag, current: storage.stream.current(), parameter: 'from' };
      const from = query.from ? parseSyncToken(query.from, places) : undefined;
      const roomId = query.room_id === undefined ? undefined : parseRoomId(query.room_id);
      return olderSync.events({ userId, deviceId, signal, from, roomId, timeoutMs: query.timeout ?? 0 });
    }),

    route(getEventById, async ({ path, requester }) => {
      const event = await history.eventAnywhere(parseEventId(path.eventId), requester.userId);
      const [text = ''] = await reading.rooms.present([event], viewerOf(requester));
      return new RawJson(text);
    }),

    route(roomInitialSync, async ({ path, query, requester }) => {
      const access = await door.enter(parseRoomId(path.roomId), requester.userId);
      const { roomId } = access.room;
      const limit = Math.min(query.limit ?? DEFAULT_MESSAGES, MAX_MESSAGES);
      const asked = { from: undefined, to: undefined, direction: 'backwards', limit, filter: undefined } as const;
      const { events, start, end } = await history.messages(access, asked);
      const viewer = viewerOf(requester);
      const texts = await reading.rooms.present([...events].reverse(), viewer);
      const state = await reading.rooms.present(await states.all(access), viewer);
      const visibility = (await rooms.directory.isListed(roomId)) ? 'public' : 'private';
      const membership = access.joined === undefined ? '' : ',"membership":"join"';
      const tokens = {
        start: formatTimelineToken(end ?? start, databaseTag),
        end: formatTimelineToken(start, databaseTag),
      };
      const messages = `${JSON.stringify(tokens).slice(0, -1)},"chunk":${list(texts)}}`;
      const room = `"room_id":${JSON.stringify(roomId)},"visibility":"${visibility}"${membership}`;
      return new RawJson(`{${room},"messages":${messages},"state":${list(state)}}`);
    }),
  ];
}
