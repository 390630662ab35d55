import {
  deleteRoomAlias,
  getRoomAliases,
  getRoomByAlias,
  getRoomVisibility,
  setRoomAlias,
  setRoomVisibility,
} from '@limpet/protocol/endpoints/client/room-directory';
import { parseRoomAlias, parseRoomId } from '@limpet/protocol/identifiers';
import { type Route, route } from '../route.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

/** Specification: client-server API, "Room aliases" and "Published room directory". */
export function roomDirectoryRoutes({ rooms }: RoomWritingServices): Route[] {
  const { aliases, directory } = rooms;
  return [
    route(getRoomByAlias, async ({ path }) => {
      const { roomId, servers } = await aliases.resolve(parseRoomAlias(path.roomAlias));
      return { room_id: roomId, servers };
    }),

    route(setRoomAlias, async ({ path, body, requester }) => {
      await aliases.add(parseRoomAlias(path.roomAlias), parseRoomId(body.room_id), requester.userId);
      return {};
    }),

    route(deleteRoomAlias, async ({ path, requester }) => {
      await aliases.remove(parseRoomAlias(path.roomAlias), requester.userId);
      return {};
    }),

    route(getRoomAliases, async ({ path, requester }) => ({
      aliases: await aliases.listFor(parseRoomId(path.roomId), requester.userId),
    })),

    route(getRoomVisibility, async ({ path }) => ({
      visibility: (await directory.isListed(parseRoomId(path.roomId))) ? 'public' : 'private',
    })),

    route(setRoomVisibility, async ({ path, body, requester }) => {
      const isListed = (body.visibility ?? 'public') === 'public';
      await directory.setListed(parseRoomId(path.roomId), isListed, requester.userId);
      return {};
    }),
  ];
}
