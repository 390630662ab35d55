import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Knocking upon a room". */

export const makeKnock = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_knock/{roomId}/{userId}',
  authentication: 'server signature',
  summary: 'What a server needs to make the knock of one of its users',
  query: Type.Object({ ver: Type.Optional(Type.Array(Type.String())) }),
  response: Type.Object({ room_version: Type.String(), event: anyJsonObject }),
});

export const sendKnock = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_knock/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'Hand over a signed knock, and get what of the room one may know before one is in',
  body: anyJsonObject,
  response: Type.Object({ knock_room_state: Type.Array(anyJsonObject) }),
});
