import {
  banUser,
  forgetRoom,
  inviteUser,
  joinRoom,
  joinRoomByIdOrAlias,
  kickUser,
  knockOnRoom,
  leaveRoom,
  unbanUser,
} from '@limpet/protocol/endpoints/client/room-membership';
import { parseRoomAlias, parseRoomId, parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Requester } from '../authenticate.ts';
import { type Route, route } from '../route.ts';
import { noIdentityServer } from './room-creation.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

interface Asked {
  readonly path: { readonly roomId: string };
  readonly body: { readonly user_id: string; readonly reason?: string | undefined };
  readonly requester: Requester;
}

/** Specification: client-server API, "Room membership". */
export function roomMembershipRoutes({ rooms, rateLimits }: RoomWritingServices): Route[] {
  const { membershipChanges, aliases } = rooms;

  async function roomNamed(roomIdOrAlias: string): Promise<string> {
    if (!roomIdOrAlias.startsWith('#')) return parseRoomId(roomIdOrAlias);
    return (await aliases.resolve(parseRoomAlias(roomIdOrAlias))).roomId;
  }

  async function join(roomId: string, { userId }: Requester, body: JoinBody): Promise<JsonObject> {
    // A third-party invite that it could match is never in a room here.
    if (body.third_party_signed !== undefined) throw noThirdPartyInvite();
    rateLimits.take('join', userId);
    await membershipChanges.join({ roomId, userId, reason: body.reason });
    return { room_id: roomId };
  }

  return [
    route(joinRoom, ({ path, body, requester }) => join(parseRoomId(path.roomId), requester, body)),

    route(joinRoomByIdOrAlias, async ({ path, body, requester }) =>
      join(await roomNamed(path.roomIdOrAlias), requester, body),
    ),

    route(knockOnRoom, async ({ path, body, requester: { userId } }) => {
      const roomId = await roomNamed(path.roomIdOrAlias);
      rateLimits.take('join', userId);
      await membershipChanges.knock({ roomId, userId, reason: body.reason });
      return { room_id: roomId };
    }),

    route(inviteUser, async ({ path, body, requester }) => {
      if (body.user_id === undefined) throw body.medium === undefined ? noInvitee() : noIdentityServer();
      rateLimits.take('invite', requester.userId);
      await membershipChanges.invite(targeted({ path, body: { ...body, user_id: body.user_id }, requester }));
      return {};
    }),

    route(leaveRoom, async ({ path, body, requester }) => {
      const { userId } = requester;
      await membershipChanges.leave({ roomId: parseRoomId(path.roomId), userId, reason: body.reason });
      return {};
    }),

    route(kickUser, async (asked) => {
      await membershipChanges.kick(targeted(asked));
      return {};
    }),

    route(banUser, async (asked) => {
      await membershipChanges.ban(targeted(asked));
      return {};
    }),

    route(unbanUser, async (asked) => {
      await membershipChanges.unban(targeted(asked));
      return {};
    }),

    route(forgetRoom, async ({ path, requester }) => {
      await membershipChanges.forget({ roomId: parseRoomId(path.roomId), userId: requester.userId });
      return {};
    }),
  ];
}

interface JoinBody {
  readonly reason?: string | undefined;
  readonly third_party_signed?: JsonObject | undefined;
}

function targeted({ path, body, requester }: Asked) {
  const target = parseUserId(body.user_id);
  return { roomId: parseRoomId(path.roomId), sender: requester.userId, target, reason: body.reason };
}

function noThirdPartyInvite(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'third_party_signed belongs to no pending invite of this room.');
}

function noInvitee(): MatrixError {
  return new MatrixError('M_MISSING_PARAM', 'The body needs "user_id".');
}
