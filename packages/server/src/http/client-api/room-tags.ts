import { deleteRoomTag, getRoomTags, setRoomTag } from '@limpet/protocol/endpoints/client/account-data';
import { parseRoomId } from '@limpet/protocol/identifiers';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Room Tagging". */
export function roomTagRoutes({ accounts }: AccountServices): Route[] {
  const { roomTags } = accounts;
  return [
    route(getRoomTags, async ({ path, requester }) => ({
      tags: await roomTags.get(ownUserId(path, requester), parseRoomId(path.roomId)),
    })),

    route(setRoomTag, async ({ path, body, requester }) => {
      const room = { userId: ownUserId(path, requester), roomId: parseRoomId(path.roomId) };
      await roomTags.set(room, path.tag, body);
      return {};
    }),

    route(deleteRoomTag, async ({ path, requester }) => {
      const room = { userId: ownUserId(path, requester), roomId: parseRoomId(path.roomId) };
      await roomTags.delete(room, path.tag);
      return {};
    }),
  ];
}
