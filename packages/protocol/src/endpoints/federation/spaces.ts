import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Spaces". */
export const getHierarchy = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/hierarchy/{roomId}',
  authentication: 'server signature',
  summary: 'A space and the rooms in it',
  query: Type.Object({ suggested_only: Type.Optional(Type.Boolean()) }),
  response: Type.Object({
    room: anyJsonObject,
    children: Type.Array(anyJsonObject),
    inaccessible_children: Type.Array(Type.String()),
  }),
});
