import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Rooms" and "Room participation". */

const clientEvents = Type.Array(anyJsonObject);

/** How many events; a greater number than the server gives counts as that. */
const limit = Type.Optional(Type.Integer({ minimum: 0 }));

const membership = Type.Union([
  Type.Literal('join'),
  Type.Literal('invite'),
  Type.Literal('knock'),
  Type.Literal('leave'),
  Type.Literal('ban'),
]);

export const getRoomMessages = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/messages'),
  authentication: 'access token',
  summary: 'Pages of the history of a room',
  query: Type.Object({
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    dir: Type.Union([Type.Literal('b'), Type.Literal('f')]),
    limit,
    /** A `RoomEventFilter` as JSON. */
    filter: Type.Optional(Type.String()),
  }),
  response: Type.Object({
    start: Type.String(),
    end: Type.Optional(Type.String()),
    chunk: clientEvents,
    state: Type.Optional(clientEvents),
  }),
});

export const getEventContext = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/context/{eventId}'),
  authentication: 'access token',
  summary: 'What stands around an event',
  query: Type.Object({
    limit,
    /** A `RoomEventFilter` as JSON. */
    filter: Type.Optional(Type.String()),
  }),
  response: Type.Object({
    start: Type.Optional(Type.String()),
    end: Type.Optional(Type.String()),
    event: Type.Optional(anyJsonObject),
    events_before: Type.Optional(clientEvents),
    events_after: Type.Optional(clientEvents),
    state: Type.Optional(clientEvents),
  }),
});

export const getRoomEvent = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/event/{eventId}'),
  authentication: 'access token',
  summary: 'One event',
  response: anyJsonObject,
});

export const getRoomMembers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/members'),
  authentication: 'access token',
  summary: 'The member events of a room, now or at a place in its history',
  query: Type.Object({
    at: Type.Optional(Type.String()),
    membership: Type.Optional(membership),
    not_membership: Type.Optional(membership),
  }),
  response: Type.Object({ chunk: Type.Optional(clientEvents) }),
});

export const getJoinedMembers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/joined_members'),
  authentication: 'access token',
  summary: 'Who is joined to a room, with names and pictures',
  response: Type.Object({ joined: Type.Optional(anyJsonObject) }),
});

export const getJoinedRooms = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/joined_rooms'),
  authentication: 'access token',
  summary: 'The rooms that the user is joined to',
  response: Type.Object({ joined_rooms: Type.Array(Type.String()) }),
});

export const getRoomState = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/state'),
  authentication: 'access token',
  summary: 'The whole state of a room',
  response: clientEvents,
});

const stateFormat = Type.Object({
  /** `event` gives the whole event instead of its content. */
  format: Type.Optional(Type.Union([Type.Literal('content'), Type.Literal('event')])),
});

export const getStateWithKey = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/state/{eventType}/{stateKey}'),
  authentication: 'access token',
  summary: 'One slot of the state of a room',
  query: stateFormat,
  response: anyJsonObject,
});

export const getStateWithEmptyKey = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/state/{eventType}'),
  authentication: 'access token',
  summary: 'The slot with an empty key of the state of a room',
  query: stateFormat,
  response: anyJsonObject,
});
