import { getEventContext, getRoomEvent, getRoomMessages } from '@limpet/protocol/endpoints/client/room-reading';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { includesRoom, parseRoomEventFilter, type RoomEventFilter } from '../../services/accounts/filter.ts';
import type { EventViewer } from '../../services/rooms/room-reader.ts';
import type { RoomReading } from '../../services/rooms/room-reading.ts';
import { formatTimelineToken } from '../../services/sync/sync-token.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Requester } from '../authenticate.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { timelinePlace } from './timeline-place.ts';

/** How many events are given where the client does not say. */
const DEFAULT_LIMIT = 10;

/** What the handlers of reading rooms work with. */
export interface RoomReadingServices {
  readonly reading: RoomReading;
  readonly storage: Storage;
}

/** Specification: client-server API, "Getting events for a room". */
export function roomHistoryRoutes({ reading, storage }: RoomReadingServices): Route[] {
  const { door, history, rooms, timeline } = reading;
  const places = { storage, timeline };
  const tokenOf = (roomIndex: number) => formatTimelineToken(roomIndex, storage.databaseTag);

  return [
    route(getRoomMessages, async ({ path, query, requester }) => {
      const filter = readFilter(query.filter);
      const access = await door.enter(parseRoomId(path.roomId), requester.userId);
      const from = await timelinePlace({ text: query.from, parameter: 'from' }, access.room, places);
      const to = await timelinePlace({ text: query.to, parameter: 'to' }, access.room, places);
      const isWanted = wants(filter, access.room.roomId);
      const direction = query.dir === 'b' ? 'backwards' : 'forwards';
      const limit = query.limit ?? filter?.limit ?? DEFAULT_LIMIT;
      const found = await history.messages(access, { from, to, direction, limit: isWanted ? limit : 0, filter });
      const viewer = viewerOf(requester);
      return jsonObject({
        chunk: list(await rooms.present(found.events, viewer)),
        start: JSON.stringify(query.from || tokenOf(found.start)),
        end: isWanted && found.end !== undefined ? JSON.stringify(tokenOf(found.end)) : undefined,
        state: found.state.length > 0 ? list(await rooms.present(found.state, viewer)) : undefined,
      });
    }),

    route(getRoomEvent, async ({ path, requester }) => {
      const { userId } = requester;
      const event = await history.event(parseRoomId(path.roomId), parseEventId(path.eventId), userId);
      const [text = ''] = await rooms.present([event], viewerOf(requester));
      return new RawJson(text);
    }),

    route(getEventContext, async ({ path, query, requester }) => {
      const filter = readFilter(query.filter);
      const roomId = parseRoomId(path.roomId);
      const access = await door.enter(roomId, requester.userId);
      const event = await history.event(roomId, parseEventId(path.eventId), requester.userId);
      const limit = query.limit ?? filter?.limit ?? DEFAULT_LIMIT;
      const isWanted = wants(filter, roomId);
      const found = await history.context(access, event, { limit: isWanted ? limit : 0, filter });
      const viewer = viewerOf(requester);
      return jsonObject({
        start: JSON.stringify(tokenOf(found.start)),
        end: JSON.stringify(tokenOf(found.end)),
        event: (await rooms.present([event], viewer))[0],
        events_before: list(await rooms.present(found.before, viewer)),
        events_after: list(await rooms.present(found.after, viewer)),
        state: list(await rooms.present(isWanted ? found.state : [], viewer)),
      });
    }),
  ];
}

/** Who looks, at anything but a timeline of `/sync`. */
export function viewerOf({ userId, deviceId }: Requester): EventViewer {
  return { userId, deviceId, withRoomId: true, withRelations: true };
}

/** A list of JSON texts as one. */
export function list(texts: readonly string[]): string {
  return `[${texts.join(',')}]`;
}

/** An object of JSON texts; what is `undefined` is left out. */
export function jsonObject(properties: Readonly<Record<string, string | undefined>>): RawJson {
  const texts = Object.entries(properties).flatMap(([name, text]) => (text === undefined ? [] : [`"${name}":${text}`]));
  return new RawJson(`{${texts.join(',')}}`);
}

/** Whether a filter lets anything of this room pass. */
function wants(filter: RoomEventFilter | undefined, roomId: string): boolean {
  return filter === undefined || includesRoom(filter, roomId);
}

function readFilter(text: string | undefined): RoomEventFilter | undefined {
  if (text === undefined || text === '') return undefined;
  try {
    return parseRoomEventFilter(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new MatrixError('M_NOT_JSON', 'filter must be a filter as JSON.');
    throw error;
  }
}
