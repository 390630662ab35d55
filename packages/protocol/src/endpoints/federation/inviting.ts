import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Inviting to a room". */

export const sendInvite = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/invite/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'Invite a user of this server',
  body: Type.Object({
    room_version: Type.String(),
    event: anyJsonObject,
    invite_room_state: Type.Optional(Type.Array(anyJsonObject)),
  }),
  response: Type.Object({ event: anyJsonObject }),
});

export const sendInviteV1 = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/invite/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'The same for rooms of version 1 or 2: the body is the event',
  body: anyJsonObject,
  response: Type.Tuple([Type.Literal(200), Type.Object({ event: anyJsonObject })]),
});
