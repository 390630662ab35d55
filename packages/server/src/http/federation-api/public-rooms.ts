import { getPublicRooms, queryPublicRooms } from '@limpet/protocol/endpoints/federation/public-rooms';
import { getHierarchy } from '@limpet/protocol/endpoints/federation/spaces';
import { parseRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { Resident } from '../../services/federation-inbound/resident/resident.ts';
import { type Route, route } from '../route.ts';

/** Specification: server-server API, "Public Room Directory" and "Spaces". */
export function publicRoomRoutes({ publicRooms, spaces }: Pick<Resident, 'publicRooms' | 'spaces'>): Route[] {
  return [
    route(getPublicRooms, async ({ query }) => {
      if (asksForBridges(query)) return NOTHING;
      const { limit, since } = query;
      return publicRooms.page({ limit, since, searchTerm: undefined, roomTypes: undefined }, 'servers');
    }),

    route(queryPublicRooms, async ({ body }) => {
      if (asksForBridges(body)) return NOTHING;
      const { limit, since, filter } = body;
      const searchTerm = filter?.generic_search_term ?? undefined;
      return publicRooms.page({ limit, since, searchTerm, roomTypes: filter?.room_types ?? undefined }, 'servers');
    }),

    route(getHierarchy, ({ path, query, requester }) =>
      spaces.of(parseRoomId(path.roomId), requester.serverName, query.suggested_only === true),
    ),
  ];
}

/** Whether only the rooms of one other network are asked for: there are none here. */
function asksForBridges(query: {
  readonly include_all_networks?: boolean | undefined;
  readonly third_party_instance_id?: string | undefined;
}): boolean {
  return query.include_all_networks !== true && (query.third_party_instance_id ?? '') !== '';
}

const NOTHING: JsonObject = { chunk: [], total_room_count_estimate: 0 };
