import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Joining Rooms". */

export const makeJoin = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_join/{roomId}/{userId}',
  authentication: 'server signature',
  summary: 'What a server needs to make the join of one of its users',
  query: Type.Object({
    /** The room versions that the server knows; `["1"]` where it does not say. */
    ver: Type.Optional(Type.Array(Type.String())),
  }),
  response: Type.Object({ room_version: Type.String(), event: anyJsonObject }),
});

const roomState = {
  origin: Type.String(),
  state: Type.Array(anyJsonObject),
  auth_chain: Type.Array(anyJsonObject),
  event: anyJsonObject,
};

export const sendJoin = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/send_join/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'Hand over a signed join, and get the state of the room',
  query: Type.Object({ omit_members: Type.Optional(Type.Boolean()) }),
  body: anyJsonObject,
  response: Type.Object({
    ...roomState,
    members_omitted: Type.Boolean(),
    servers_in_room: Type.Optional(Type.Array(Type.String())),
  }),
});

export const sendJoinV1 = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_join/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'The same, answered as a pair of 200 and the state',
  body: anyJsonObject,
  response: Type.Tuple([Type.Literal(200), Type.Object(roomState)]),
});
