import {
  getMutualRooms,
  getRoomSummary,
  getSpaceHierarchy,
  listPublicRooms,
  searchPublicRooms,
  searchUserDirectory,
  timestampToEvent,
} from '@limpet/protocol/endpoints/client/room-look-ups';
import { asRoomAlias, parseRoomAlias, parseRoomId, parseServerName, parseUserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Discovery } from '../../services/discovery/discovery.ts';
import type { RoomsService } from '../../services/rooms/rooms.ts';
import type { RateLimits } from '../rate-limits.ts';
import { type Route, route } from '../route.ts';

export interface RoomLookUpParts {
  readonly discovery: Discovery;
  readonly rooms: Pick<RoomsService, 'aliases'>;
  readonly rateLimits: RateLimits;
}

/**
 * Specification: client-server API, "Published room directory", "Spaces", "Room previews", "Getting events for a room",
 * "User directory", "Mutual rooms".
 */
export function roomLookUpRoutes({ discovery, rooms, rateLimits }: RoomLookUpParts): Route[] {
  const { previews, spaces, people } = discovery;
  return [
    ...publicRoomRoutes({ discovery, rooms, rateLimits }),

    route(getRoomSummary, async ({ path, query, requester }) => {
      const { roomIdOrAlias } = path;
      const userId = requester?.userId;
      if (userId !== undefined) rateLimits.take('lookUp', userId);
      const isAlias = asRoomAlias(roomIdOrAlias) !== undefined;
      const found = isAlias
        ? await rooms.aliases.resolve(parseRoomAlias(roomIdOrAlias))
        : { roomId: parseRoomId(roomIdOrAlias), servers: [] };
      const via = [...(query.via ?? []), ...found.servers];
      const preview = await previews.of({ roomId: found.roomId, via, userId, suggestedOnly: false });
      if (preview === undefined) {
        throw new MatrixError('M_NOT_FOUND', 'There is no such room, or nobody tells you of it.');
      }
      const membership = userId === undefined ? undefined : await previews.membershipOf(found.roomId, userId);
      return membership === undefined ? preview.summary : { ...preview.summary, membership };
    }),

    route(getSpaceHierarchy, async ({ path, query, requester }) => {
      rateLimits.take('lookUp', requester.userId);
      const { rooms: found, nextBatch } = await spaces.page({
        roomId: parseRoomId(path.roomId),
        userId: requester.userId,
        suggestedOnly: query.suggested_only ?? false,
        maxDepth: query.max_depth,
        limit: query.limit,
        from: query.from,
      });
      return { rooms: [...found], ...(nextBatch === undefined ? {} : { next_batch: nextBatch }) };
    }),

    route(timestampToEvent, async ({ path, query, requester }) => {
      const { ts, dir: direction } = query;
      const asked = { roomId: parseRoomId(path.roomId), userId: requester.userId, ts, direction };
      const { eventId, originServerTs } = await discovery.eventAtTime(asked);
      return { event_id: eventId, origin_server_ts: originServerTs };
    }),

    route(getMutualRooms, async ({ query, requester }) => {
      const otherId = parseUserId(query.user_id);
      const found = await discovery.mutualRooms({ userId: requester.userId, otherId, from: query.from });
      const { joined, count, nextBatch } = found;
      return { joined: [...joined], count, ...(nextBatch === undefined ? {} : { next_batch: nextBatch }) };
    }),

    route(searchUserDirectory, async ({ body, requester }) => {
      rateLimits.take('lookUp', requester.userId);
      return { ...(await people.search(requester.userId, body.search_term, body.limit)) };
    }),
  ];
}

function publicRoomRoutes({ discovery: { publicRooms }, rateLimits }: RoomLookUpParts): Route[] {
  return [
    route(listPublicRooms, ({ query, requester }) => {
      const { limit, since } = query;
      const server = serverIn(query.server);
      if (publicRooms.isElsewhere(server)) {
        if (requester === undefined) {
          throw new MatrixError('M_MISSING_TOKEN', 'The rooms of other servers are for who is logged in.');
        }
        rateLimits.take('lookUp', requester.userId);
      }
      return publicRooms.page(server, { limit, since, searchTerm: undefined, roomTypes: undefined });
    }),

    route(searchPublicRooms, ({ query, body, requester }) => {
      // Only the rooms of one other network: there are none here.
      const isOfBridges = body.include_all_networks !== true && (body.third_party_instance_id ?? '') !== '';
      if (isOfBridges) return { chunk: [], total_room_count_estimate: 0 };
      const server = serverIn(query.server);
      if (publicRooms.isElsewhere(server)) rateLimits.take('lookUp', requester.userId);
      const { limit, since, filter } = body;
      const searchTerm = filter?.generic_search_term ?? undefined;
      return publicRooms.page(server, { limit, since, searchTerm, roomTypes: filter?.room_types ?? undefined });
    }),
  ];
}

function serverIn(name: string | undefined): string | undefined {
  return name === undefined || name === '' ? undefined : parseServerName(name);
}
