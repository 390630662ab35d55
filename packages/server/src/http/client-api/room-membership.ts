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

  async function roomNamed(roomIdOrAlias: string, query: ServersQuery): Promise<Pick<Entry, 'roomId' | 'servers'>> {
    const named = serversIn(query);
    if (!roomIdOrAlias.startsWith('#')) return { roomId: parseRoomId(roomIdOrAlias), servers: named };
    const { roomId, servers } = await aliases.resolve(parseRoomAlias(roomIdOrAlias));
    return { roomId, servers: [...named, ...servers] };
  }

  async function join({ roomId, servers, body, requester: { userId } }: Entry): Promise<JsonObject> {
    // A third-party invite that it could match is never in a room here.
    if (body.third_party_signed !== undefined) throw noThirdPartyInvite();
    await membershipChanges.join({ roomId, userId, servers, reason: body.reason });
    return { room_id: roomId };
  }

  return [
    route(joinRoom, ({ path, query, body, requester }) => {
      rateLimits.take('join', requester.userId);
      return join({ roomId: parseRoomId(path.roomId), servers: serversIn(query), body, requester });
    }),

    route(joinRoomByIdOrAlias, async ({ path, query, body, requester }) => {
      rateLimits.take('join', requester.userId);
      return join({ ...(await roomNamed(path.roomIdOrAlias, query)), body, requester });
    }),

    route(knockOnRoom, async ({ path, query, body, requester: { userId } }) => {
      rateLimits.take('join', userId);
      const { roomId, servers } = await roomNamed(path.roomIdOrAlias, query);
      await membershipChanges.knock({ roomId, userId, servers, reason: body.reason });
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

interface Entry {
  readonly roomId: string;
  readonly servers: readonly string[];
  readonly body: JoinBody;
  readonly requester: Requester;
}

interface ServersQuery {
  readonly via?: readonly string[] | undefined;
  readonly server_name?: readonly string[] | undefined;
}

/** The newer name first. */
function serversIn({ via = [], server_name: older = [] }: ServersQuery): string[] {
  return [...via, ...older];
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
