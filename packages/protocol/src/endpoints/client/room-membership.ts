import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Room membership". */

const reason = Type.Optional(Type.String());
/** Where to ask for a room that is not known here, under today's name and the older one. */
const servers = Type.Optional(Type.Array(Type.String()));
const joined = Type.Object({ room_id: Type.String() });
const joinBody = Type.Object({ reason, third_party_signed: Type.Optional(anyJsonObject) });
const targetBody = Type.Object({ user_id: Type.String(), reason });

export const joinRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/join'),
  authentication: 'access token',
  summary: 'Join a room by its ID',
  query: Type.Object({ via: servers, server_name: servers }),
  body: joinBody,
  response: joined,
});

export const joinRoomByIdOrAlias = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/join/{roomIdOrAlias}'),
  authentication: 'access token',
  summary: 'Join a room by its ID or an alias',
  query: Type.Object({ via: servers, server_name: servers }),
  body: joinBody,
  response: joined,
});

export const knockOnRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/knock/{roomIdOrAlias}'),
  authentication: 'access token',
  summary: 'Ask to be let into a room',
  query: Type.Object({ via: servers, server_name: servers }),
  body: Type.Object({ reason }),
  response: joined,
});

export const inviteUser = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/invite'),
  authentication: 'access token',
  summary: 'Invite a user, or who has a third-party identifier',
  body: Type.Object({
    user_id: Type.Optional(Type.String()),
    reason,
    id_server: Type.Optional(Type.String()),
    medium: Type.Optional(Type.String()),
    address: Type.Optional(Type.String()),
  }),
  response: emptyObject,
});

export const leaveRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/leave'),
  authentication: 'access token',
  summary: 'Leave a room, or decline an invite',
  body: Type.Object({ reason }),
  response: emptyObject,
});

export const kickUser = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/kick'),
  authentication: 'access token',
  summary: 'Remove a user from a room',
  body: targetBody,
  response: emptyObject,
});

export const banUser = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/ban'),
  authentication: 'access token',
  summary: 'Ban a user from a room',
  body: targetBody,
  response: emptyObject,
});

export const unbanUser = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/unban'),
  authentication: 'access token',
  summary: 'Lift the ban of a user',
  body: targetBody,
  response: emptyObject,
});

export const forgetRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/forget'),
  authentication: 'access token',
  summary: 'Forget a room that the user has left',
  response: emptyObject,
});
