import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "OpenID". */
export const requestOpenIdToken = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/user/{userId}/openid/request_token'),
  authentication: 'access token',
  summary: 'A token that tells a third party who the user is',
  body: anyJsonObject,
  response: Type.Object({
    access_token: Type.String(),
    token_type: Type.Literal('Bearer'),
    matrix_server_name: Type.String(),
    expires_in: Type.Integer(),
  }),
});
