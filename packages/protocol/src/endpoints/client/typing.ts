import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Typing Notifications". */
export const setTyping = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/rooms/{roomId}/typing/{userId}'),
  authentication: 'access token',
  summary: 'Say whether the user is typing',
  body: Type.Object({
    typing: Type.Boolean(),
    /** Milliseconds. */
    timeout: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
  response: emptyObject,
});
