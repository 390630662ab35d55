import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Reporting content". */

const reason = Type.Optional(Type.String());

export const reportEvent = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/report/{eventId}'),
  authentication: 'access token',
  summary: 'Tell the administrators of an event',
  body: Type.Object({ reason, score: Type.Optional(Type.Integer({ minimum: -100, maximum: 0 })) }),
  response: emptyObject,
});

export const reportRoom = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/rooms/{roomId}/report'),
  authentication: 'access token',
  summary: 'Tell the administrators of a room',
  body: Type.Object({ reason }),
  response: emptyObject,
});

export const reportUser = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/users/{userId}/report'),
  authentication: 'access token',
  summary: 'Tell the administrators of a user',
  body: Type.Object({ reason }),
  response: emptyObject,
});
