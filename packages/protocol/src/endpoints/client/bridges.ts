import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** What application services would answer. Specification: client-server API, "Third-party networks" and others. */

export const getProtocols = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/protocols'),
  authentication: 'access token',
  summary: 'Networks that bridges lead to',
  response: anyJsonObject,
});

export const getProtocol = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/protocol/{protocol}'),
  authentication: 'access token',
  summary: 'One network that a bridge leads to',
  response: anyJsonObject,
});

export const findLocations = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/location/{protocol}'),
  authentication: 'access token',
  summary: 'Rooms that a place on another network is bridged to',
  response: Type.Array(anyJsonObject),
});

export const findUsers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/user/{protocol}'),
  authentication: 'access token',
  summary: 'Users that stand for somebody on another network',
  response: Type.Array(anyJsonObject),
});

export const findLocationsOfAlias = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/location'),
  authentication: 'access token',
  summary: 'The place on another network that an alias stands for',
  query: Type.Object({ alias: Type.String() }),
  response: Type.Array(anyJsonObject),
});

export const findThirdPartyUsers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/thirdparty/user'),
  authentication: 'access token',
  summary: 'Who on another network a user stands for',
  query: Type.Object({ userid: Type.String() }),
  response: Type.Array(anyJsonObject),
});

export const pingAppservice = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/v1/appservice/{appserviceId}/ping',
  authentication: 'access token',
  summary: 'Let the server call an application service',
  response: Type.Object({ duration_ms: Type.Integer() }),
});

export const setNetworkVisibility = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/directory/list/appservice/{networkId}/{roomId}'),
  authentication: 'access token',
  summary: 'Put a room into the directory of a bridged network',
  body: Type.Object({ visibility: Type.Union([Type.Literal('public'), Type.Literal('private')]) }),
  response: emptyObject,
});
