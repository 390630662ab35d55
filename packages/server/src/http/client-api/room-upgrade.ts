import { upgradeRoom } from '@limpet/protocol/endpoints/client/room-upgrade';
import { parseRoomId } from '@limpet/protocol/identifiers';
import { type Route, route } from '../route.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

/** Specification: client-server API, "Room upgrades". */
export function roomUpgradeRoutes({ rooms, rateLimits }: RoomWritingServices): Route[] {
  return [
    route(upgradeRoom, async ({ path, body, requester }) => {
      rateLimits.take('createRoom', requester.userId);
      const replacement = await rooms.upgradeRoom({
        roomId: parseRoomId(path.roomId),
        userId: requester.userId,
        newVersion: body.new_version,
        additionalCreators: body.additional_creators ?? [],
      });
      return { replacement_room: replacement };
    }),
  ];
}
