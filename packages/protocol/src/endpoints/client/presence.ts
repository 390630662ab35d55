import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

const presence = Type.Union([Type.Literal('online'), Type.Literal('unavailable'), Type.Literal('offline')]);

/** Specification: client-server API, "Presence". */
export const getPresence = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/presence/{userId}/status'),
  authentication: 'access token',
  summary: 'Whether a user is there',
  response: anyJsonObject,
});

export const setPresence = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/presence/{userId}/status'),
  authentication: 'access token',
  summary: 'Say whether one is there',
  body: Type.Object({ presence, status_msg: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
  response: emptyObject,
});
