import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Client Config". */
export const getAccountData = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/user/{userId}/account_data/{type}'),
  authentication: 'access token',
  summary: 'What the user keeps under this type',
  response: anyJsonObject,
});

export const setAccountData = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/user/{userId}/account_data/{type}'),
  authentication: 'access token',
  summary: 'Keep something under this type',
  body: anyJsonObject,
  response: emptyObject,
});

export const getRoomAccountData = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/user/{userId}/rooms/{roomId}/account_data/{type}'),
  authentication: 'access token',
  summary: 'What the user keeps of a room under this type',
  response: anyJsonObject,
});

export const setRoomAccountData = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/user/{userId}/rooms/{roomId}/account_data/{type}'),
  authentication: 'access token',
  summary: 'Keep something of a room under this type',
  body: anyJsonObject,
  response: emptyObject,
});

/** Specification: client-server API, "Room Tagging". */
export const getRoomTags = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/user/{userId}/rooms/{roomId}/tags'),
  authentication: 'access token',
  summary: 'The tags that the user gave to a room',
  response: Type.Object({ tags: anyJsonObject }),
});

export const setRoomTag = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/user/{userId}/rooms/{roomId}/tags/{tag}'),
  authentication: 'access token',
  summary: 'Give a tag to a room',
  body: anyJsonObject,
  response: emptyObject,
});

export const deleteRoomTag = defineEndpoint({
  method: 'DELETE',
  paths: v3AndR0('/user/{userId}/rooms/{roomId}/tags/{tag}'),
  authentication: 'access token',
  summary: 'Take a tag from a room',
  response: emptyObject,
});
