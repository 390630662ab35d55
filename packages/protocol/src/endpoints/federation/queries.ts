import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';

/** Specification: server-server API, "Querying for information". */

export const queryProfile = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/profile',
  authentication: 'server signature',
  summary: 'The profile of a user of this server, or one field of it',
  query: Type.Object({ user_id: Type.String(), field: Type.Optional(Type.String()) }),
  response: anyJsonObject,
});

export const queryDirectory = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/directory',
  authentication: 'server signature',
  summary: 'The room behind an alias of this server, and who is in it',
  query: Type.Object({ room_alias: Type.String() }),
  response: Type.Object({ room_id: Type.String(), servers: Type.Array(Type.String()) }),
});

export const queryAnything = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/query/{queryType}',
  authentication: 'server signature',
  summary: 'A query of a kind that this server does not know',
});
