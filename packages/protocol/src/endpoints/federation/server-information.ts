import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** Where other servers find this one. Specification: server-server API, "GET /.well-known/matrix/server". */
export const getWellKnownServer = defineEndpoint({
  method: 'GET',
  path: '/.well-known/matrix/server',
  authentication: 'none',
  summary: 'Where other servers find this one',
  response: Type.Object({ 'm.server': Type.String() }),
});

/** Specification: server-server API, "GET /_matrix/federation/v1/version". */
export const getServerVersion = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/version',
  authentication: 'none',
  summary: 'Name and version of the implementation',
  response: Type.Object({ server: Type.Object({ name: Type.String(), version: Type.String() }) }),
});
