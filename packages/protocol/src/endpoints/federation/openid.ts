import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** Specification: server-server API, "OpenID". The token of the query is no access token of a client. */
export const getOpenIdUser = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/openid/userinfo',
  authentication: 'none',
  summary: 'Whose an OpenID token is',
  query: Type.Object({ access_token: Type.String() }),
  response: Type.Object({ sub: Type.String() }),
});
