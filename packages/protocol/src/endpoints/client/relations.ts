import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';

/** Specification: client-server API, "Relationships API" and "Threading". */

const limit = Type.Optional(Type.Integer({ minimum: 1 }));

const relationsQuery = Type.Object({
  from: Type.Optional(Type.String()),
  to: Type.Optional(Type.String()),
  dir: Type.Optional(Type.Union([Type.Literal('b'), Type.Literal('f')])),
  limit,
  recurse: Type.Optional(Type.Boolean()),
  /** As MSC3981 has it. */
  'org.matrix.msc3981.recurse': Type.Optional(Type.Boolean()),
});

const relationsPage = Type.Object({
  chunk: Type.Array(anyJsonObject),
  next_batch: Type.Optional(Type.String()),
  prev_batch: Type.Optional(Type.String()),
  recursion_depth: Type.Optional(Type.Integer()),
});

/** Clients that are older than the stable paths ask for the unstable ones. */
function v1AndUnstable<const Path extends string>(path: Path) {
  return [`/_matrix/client/v1${path}`, `/_matrix/client/unstable${path}`] as const;
}

export const getRelations = defineEndpoint({
  method: 'GET',
  paths: v1AndUnstable('/rooms/{roomId}/relations/{eventId}'),
  authentication: 'access token',
  summary: 'The events that relate to an event',
  query: relationsQuery,
  response: relationsPage,
});

export const getRelationsOfKind = defineEndpoint({
  method: 'GET',
  paths: v1AndUnstable('/rooms/{roomId}/relations/{eventId}/{relType}'),
  authentication: 'access token',
  summary: 'The events that relate to an event in one way',
  query: relationsQuery,
  response: relationsPage,
});

export const getRelationsOfKindAndType = defineEndpoint({
  method: 'GET',
  paths: v1AndUnstable('/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}'),
  authentication: 'access token',
  summary: 'The events of one type that relate to an event in one way',
  query: relationsQuery,
  response: relationsPage,
});

export const getThreads = defineEndpoint({
  method: 'GET',
  paths: [
    '/_matrix/client/v1/rooms/{roomId}/threads',
    '/_matrix/client/unstable/org.matrix.msc3856/rooms/{roomId}/threads',
  ],
  authentication: 'access token',
  summary: 'The roots of the threads of a room',
  query: Type.Object({
    include: Type.Optional(Type.Union([Type.Literal('all'), Type.Literal('participated')])),
    from: Type.Optional(Type.String()),
    limit,
  }),
  response: Type.Object({
    chunk: Type.Array(anyJsonObject),
    next_batch: Type.Optional(Type.String()),
  }),
});
