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
import { roomInitialSync as readRoomInitialSync } from '../../services/sync/room-initial-sync.ts';
import type { SyncService } from '../../services/sync/sync-service.ts';
import { parseSyncToken } from '../../services/sync/sync-token.ts';
import type { Storage } from '../../storage/storage.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { viewerOf } from './room-history.ts';

export interface OlderEventParts {
  readonly olderSync: OlderSync;
  readonly sync: Pick<SyncService, 'stickyOfRoom'>;
  readonly rooms: Pick<RoomsService, 'directory'>;
  readonly reading: RoomReading;
  readonly storage: Storage;
}

/** Specification: client-server API, "Old sync endpoints" and "Peeking events". */
export function olderEventRoutes({ olderSync, sync, rooms, reading, storage }: OlderEventParts): Route[] {
  const { history } = reading;
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
      const access = await reading.door.enter(parseRoomId(path.roomId), requester.userId);
      const asked = { access, viewer: viewerOf(requester), limit: query.limit };
      return new RawJson(await readRoomInitialSync(asked, { storage, reading, sync, directory: rooms.directory }));
    }),
  ];
}
