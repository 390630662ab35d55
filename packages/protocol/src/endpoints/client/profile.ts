import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Profiles". */
export const getProfile = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/profile/{userId}'),
  authentication: 'none',
  summary: 'The profile of a user',
  response: anyJsonObject,
});

export const getProfileField = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/profile/{userId}/{keyName}'),
  authentication: 'none',
  summary: 'One field of the profile of a user',
  response: anyJsonObject,
});

export const setProfileField = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/profile/{userId}/{keyName}'),
  authentication: 'access token',
  summary: 'Set a field of the own profile',
  body: anyJsonObject,
  response: emptyObject,
});

export const deleteProfileField = defineEndpoint({
  method: 'DELETE',
  paths: v3AndR0('/profile/{userId}/{keyName}'),
  authentication: 'access token',
  summary: 'Remove a field of the own profile',
  response: emptyObject,
});
