import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** What `/sync` replaced, for clients that never moved on. Specification: client-server API, "Old sync endpoints". */

const limit = Type.Optional(Type.Integer({ minimum: 0 }));
const chunk = Type.Array(anyJsonObject);

export const initialSync = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/initialSync'),
  authentication: 'access token',
  summary: 'The rooms of the user, as they were synced before /sync',
  query: Type.Object({ limit, archived: Type.Optional(Type.Boolean()) }),
  response: Type.Object({ end: Type.String(), presence: chunk, rooms: chunk, account_data: Type.Optional(chunk) }),
});

export const roomInitialSync = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/initialSync'),
  authentication: 'access token',
  summary: 'One room: its state and its latest messages',
  query: Type.Object({ limit }),
  response: anyJsonObject,
});

export const streamEvents = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/events'),
  authentication: 'access token',
  summary: 'New events, as they were streamed before /sync; of one room for who looks in',
  query: Type.Object({
    from: Type.Optional(Type.String()),
    timeout: Type.Optional(Type.Integer({ minimum: 0 })),
    room_id: Type.Optional(Type.String()),
  }),
  response: Type.Object({ start: Type.Optional(Type.String()), end: Type.Optional(Type.String()), chunk }),
});

export const getEventById = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/events/{eventId}'),
  authentication: 'access token',
  summary: 'One event, whatever its room',
  response: anyJsonObject,
});
