import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** Where clients find the server. Specification: client-server API, "GET /.well-known/matrix/client". */
export const getWellKnownClient = defineEndpoint({
  method: 'GET',
  path: '/.well-known/matrix/client',
  authentication: 'none',
  summary: 'Where clients find the server',
  response: Type.Object({ 'm.homeserver': Type.Object({ base_url: Type.String() }) }),
});
