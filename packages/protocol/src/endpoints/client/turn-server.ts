import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Voice over IP". */
export const getTurnServer = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/voip/turnServer'),
  authentication: 'access token',
  summary: 'TURN servers, and what to say to them',
  response: Type.Object({
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    uris: Type.Optional(Type.Array(Type.String())),
    ttl: Type.Optional(Type.Integer()),
  }),
});
