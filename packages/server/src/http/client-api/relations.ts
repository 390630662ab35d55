import {
  getRelations,
  getRelationsOfKind,
  getRelationsOfKindAndType,
  getThreads,
} from '@limpet/protocol/endpoints/client/relations';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import { RECURSION_DEPTH } from '../../services/rooms/relations/event-relations.ts';
import type { RoomRecord } from '../../services/rooms/room-event.ts';
import { formatTimelineToken } from '../../services/sync/sync-token.ts';
import type { Requester } from '../authenticate.ts';
import type { RawJson } from '../raw-json.ts';
import { type EndpointRequest, type Route, route } from '../route.ts';
import { jsonObject, list, type RoomReadingServices, viewerOf } from './room-history.ts';
import { timelinePlace } from './timeline-place.ts';

/** How many events, or threads, are given where the client does not say. */
const DEFAULT_LIMIT = 20;

/** What a client asks, however long the path is. */
interface AskedRelations {
  readonly path: { readonly roomId: string; readonly eventId: string; readonly relType?: string };
  readonly eventType?: string;
  readonly query: EndpointRequest<typeof getRelations>['query'];
  readonly requester: Requester;
}

/** Specification: client-server API, "Relationships API" and "Threading". */
export function relationRoutes({ reading, storage }: RoomReadingServices): Route[] {
  const { door, relations, rooms, timeline } = reading;
  const placeIn = (room: RoomRecord, parameter: string, text: string | undefined) =>
    timelinePlace({ text, parameter }, room, { storage, timeline });
  const tokenText = (roomIndex: number | undefined) =>
    roomIndex === undefined ? undefined : JSON.stringify(formatTimelineToken(roomIndex, storage.databaseTag));

  async function children({ path, eventType, query, requester }: AskedRelations): Promise<RawJson> {
    const { userId } = requester;
    const parent = await relations.parent(parseRoomId(path.roomId), parseEventId(path.eventId), userId);
    const recurse = query.recurse ?? query['org.matrix.msc3981.recurse'];
    const page = await relations.children(parent, userId, {
      relType: path.relType,
      eventType,
      from: await placeIn(parent.room, 'from', query.from),
      to: await placeIn(parent.room, 'to', query.to),
      direction: query.dir === 'f' ? 'forwards' : 'backwards',
      limit: query.limit ?? DEFAULT_LIMIT,
      recurse: recurse === true,
    });
    return jsonObject({
      chunk: list(await rooms.present(page.events, viewerOf(requester))),
      next_batch: tokenText(page.next),
      prev_batch: query.from ? JSON.stringify(query.from) : undefined,
      recursion_depth: recurse === undefined ? undefined : String(recurse ? RECURSION_DEPTH : 1),
    });
  }

  return [
    route(getRelations, children),
    route(getRelationsOfKind, children),
    route(getRelationsOfKindAndType, (request) => children({ ...request, eventType: request.path.eventType })),

    route(getThreads, async ({ path, query, requester }) => {
      const access = await door.enter(parseRoomId(path.roomId), requester.userId);
      const page = await relations.threads(access, {
        participated: query.include === 'participated',
        from: await placeIn(access.room, 'from', query.from),
        limit: query.limit ?? DEFAULT_LIMIT,
      });
      const chunk = list(await rooms.present(page.events, viewerOf(requester)));
      return jsonObject({ chunk, next_batch: tokenText(page.next) });
    }),
  ];
}
