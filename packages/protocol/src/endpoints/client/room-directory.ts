import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Room aliases" and "Published room directory". */

const visibility = Type.Union([Type.Literal('public'), Type.Literal('private')]);

export const getRoomByAlias = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/directory/room/{roomAlias}'),
  authentication: 'none',
  summary: 'The room behind an alias',
  response: Type.Object({ room_id: Type.String(), servers: Type.Array(Type.String()) }),
});

export const setRoomAlias = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/directory/room/{roomAlias}'),
  authentication: 'access token',
  summary: 'Give a room an alias',
  body: Type.Object({ room_id: Type.String() }),
  response: emptyObject,
});

export const deleteRoomAlias = defineEndpoint({
  method: 'DELETE',
  paths: v3AndR0('/directory/room/{roomAlias}'),
  authentication: 'access token',
  summary: 'Remove an alias',
  response: emptyObject,
});

export const getRoomAliases = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/rooms/{roomId}/aliases'),
  authentication: 'access token',
  summary: 'The aliases that this server has of a room',
  response: Type.Object({ aliases: Type.Array(Type.String()) }),
});

export const getRoomVisibility = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/directory/list/room/{roomId}'),
  authentication: 'none',
  summary: 'Whether a room stands in the directory',
  response: Type.Object({ visibility }),
});

export const setRoomVisibility = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/directory/list/room/{roomId}'),
  authentication: 'access token',
  summary: 'Put a room into the directory, or take it out',
  body: Type.Object({ visibility: Type.Optional(visibility) }),
  response: emptyObject,
});
