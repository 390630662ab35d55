import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/**
 * How rooms and people are found. Specification: client-server API, "Published room directory", "Spaces",
 * "Room previews", "Getting events for a room", "User directory", "Mutual rooms".
 */

const publicRooms = Type.Object({
  chunk: Type.Array(anyJsonObject),
  next_batch: Type.Optional(Type.String()),
  prev_batch: Type.Optional(Type.String()),
  total_room_count_estimate: Type.Optional(Type.Integer()),
});

/** 0 is no limit of the client's. */
const limit = Type.Optional(Type.Integer({ minimum: 0 }));

export const listPublicRooms = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/publicRooms'),
  authentication: 'optional access token',
  summary: 'The published rooms of a server',
  query: Type.Object({
    limit,
    since: Type.Optional(Type.String()),
    server: Type.Optional(Type.String()),
  }),
  response: publicRooms,
});

const nullable = <const Schema extends Parameters<typeof Type.Optional>[0]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]));

export const searchPublicRooms = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/publicRooms'),
  authentication: 'access token',
  summary: 'The published rooms of a server that a filter lets pass',
  query: Type.Object({ server: Type.Optional(Type.String()) }),
  body: Type.Object({
    limit,
    since: Type.Optional(Type.String()),
    filter: Type.Optional(
      Type.Object({
        generic_search_term: nullable(Type.String()),
        room_types: nullable(Type.Array(Type.Union([Type.String(), Type.Null()]), { maxItems: 100 })),
      }),
    ),
    include_all_networks: Type.Optional(Type.Boolean()),
    third_party_instance_id: Type.Optional(Type.String()),
  }),
  response: publicRooms,
});

const via = Type.Optional(Type.Array(Type.String()));

export const getRoomSummary = defineEndpoint({
  method: 'GET',
  paths: [
    '/_matrix/client/v1/room_summary/{roomIdOrAlias}',
    '/_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}',
    '/_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary',
  ],
  authentication: 'optional access token',
  summary: 'What a room is, before joining it',
  query: Type.Object({ via }),
  response: anyJsonObject,
});

export const getSpaceHierarchy = defineEndpoint({
  method: 'GET',
  paths: [
    '/_matrix/client/v1/rooms/{roomId}/hierarchy',
    '/_matrix/client/unstable/org.matrix.msc2946/rooms/{roomId}/hierarchy',
  ],
  authentication: 'access token',
  summary: 'A space with the rooms in it, a page at a time',
  query: Type.Object({
    suggested_only: Type.Optional(Type.Boolean()),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    max_depth: Type.Optional(Type.Integer({ minimum: 0 })),
    from: Type.Optional(Type.String()),
  }),
  response: Type.Object({ rooms: Type.Array(anyJsonObject), next_batch: Type.Optional(Type.String()) }),
});

export const timestampToEvent = defineEndpoint({
  method: 'GET',
  paths: [
    '/_matrix/client/v1/rooms/{roomId}/timestamp_to_event',
    '/_matrix/client/unstable/org.matrix.msc3030/rooms/{roomId}/timestamp_to_event',
  ],
  authentication: 'access token',
  summary: 'The event of a room closest to a time',
  query: Type.Object({
    ts: Type.Integer({ minimum: 0 }),
    dir: Type.Union([Type.Literal('f'), Type.Literal('b')]),
  }),
  response: Type.Object({ event_id: Type.String(), origin_server_ts: Type.Integer() }),
});

export const getMutualRooms = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/mutual_rooms', '/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms'],
  authentication: 'access token',
  summary: 'The rooms that the user shares with another one',
  query: Type.Object({ user_id: Type.String(), from: Type.Optional(Type.String()) }),
  response: Type.Object({
    joined: Type.Array(Type.String()),
    count: Type.Integer(),
    next_batch: Type.Optional(Type.String()),
  }),
});

export const searchUserDirectory = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/user_directory/search'),
  authentication: 'access token',
  summary: 'Look for people by name or ID',
  body: Type.Object({ search_term: Type.String(), limit: Type.Optional(Type.Integer({ minimum: 1 })) }),
  response: Type.Object({ results: Type.Array(anyJsonObject), limited: Type.Boolean() }),
});
