import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Leaving Rooms (Rejecting Invites)". */

export const makeLeave = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/make_leave/{roomId}/{userId}',
  authentication: 'server signature',
  summary: 'What a server needs to make the leaving of one of its users',
  response: Type.Object({ room_version: Type.String(), event: anyJsonObject }),
});

export const sendLeave = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v2/send_leave/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'Hand over a signed leave event',
  body: anyJsonObject,
  response: emptyObject,
});

export const sendLeaveV1 = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send_leave/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'The same, answered as a pair of 200 and nothing',
  body: anyJsonObject,
  response: Type.Tuple([Type.Literal(200), emptyObject]),
});
