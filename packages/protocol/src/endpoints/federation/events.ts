import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Retrieving events" and "Retrieving event authorization information". */

export const getEvent = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/event/{eventId}',
  authentication: 'server signature',
  summary: 'One event',
  response: Type.Object({
    origin: Type.String(),
    origin_server_ts: Type.Integer(),
    pdus: Type.Array(anyJsonObject),
  }),
});

const atEvent = Type.Object({ event_id: Type.String() });

export const getState = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/state/{roomId}',
  authentication: 'server signature',
  summary: 'The state of a room before an event',
  query: atEvent,
  response: Type.Object({ pdus: Type.Array(anyJsonObject), auth_chain: Type.Array(anyJsonObject) }),
});

export const getStateIds = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/state_ids/{roomId}',
  authentication: 'server signature',
  summary: 'The same as event IDs',
  query: atEvent,
  response: Type.Object({ pdu_ids: Type.Array(Type.String()), auth_chain_ids: Type.Array(Type.String()) }),
});

export const getEventAuth = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/event_auth/{roomId}/{eventId}',
  authentication: 'server signature',
  summary: 'The auth chain of an event',
  response: Type.Object({ auth_chain: Type.Array(anyJsonObject) }),
});

export const getEventByTimestamp = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/timestamp_to_event/{roomId}',
  authentication: 'server signature',
  summary: 'The event closest to a time',
  query: Type.Object({ ts: Type.Integer(), dir: Type.Union([Type.Literal('f'), Type.Literal('b')]) }),
  response: Type.Object({ event_id: Type.String(), origin_server_ts: Type.Integer() }),
});
