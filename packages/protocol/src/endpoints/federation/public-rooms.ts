import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Public Room Directory". */

const page = {
  /** 0 is no limit of theirs. */
  limit: Type.Optional(Type.Integer({ minimum: 0 })),
  since: Type.Optional(Type.String()),
  include_all_networks: Type.Optional(Type.Boolean()),
  third_party_instance_id: Type.Optional(Type.String()),
};

const rooms = Type.Object({
  chunk: Type.Array(anyJsonObject),
  next_batch: Type.Optional(Type.String()),
  prev_batch: Type.Optional(Type.String()),
  total_room_count_estimate: Type.Integer(),
});

export const getPublicRooms = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/publicRooms',
  authentication: 'server signature',
  summary: 'The rooms in the directory of this server',
  query: Type.Object(page),
  response: rooms,
});

export const queryPublicRooms = defineEndpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/publicRooms',
  authentication: 'server signature',
  summary: 'The same, of those that a filter lets pass',
  body: Type.Object({
    ...page,
    filter: Type.Optional(
      Type.Object({
        generic_search_term: Type.Optional(Type.Union([Type.String(), Type.Null()])),
        room_types: Type.Optional(Type.Union([Type.Array(Type.Union([Type.String(), Type.Null()])), Type.Null()])),
      }),
    ),
  }),
  response: rooms,
});
