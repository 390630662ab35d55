import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Backfilling and retrieving missing events". */

export const backfill = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/backfill/{roomId}',
  authentication: 'server signature',
  summary: 'Events and those before them',
  query: Type.Object({ v: Type.Array(Type.String()), limit: Type.Integer() }),
  response: Type.Object({
    origin: Type.String(),
    origin_server_ts: Type.Integer(),
    pdus: Type.Array(anyJsonObject),
  }),
});

export const getMissingEvents = defineEndpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/get_missing_events/{roomId}',
  authentication: 'server signature',
  summary: 'The events between those that a server has and those that it just got',
  body: Type.Object({
    limit: Type.Optional(Type.Integer()),
    min_depth: Type.Optional(Type.Integer()),
    earliest_events: Type.Array(Type.String()),
    latest_events: Type.Array(Type.String()),
  }),
  response: Type.Object({ events: Type.Array(anyJsonObject) }),
});
