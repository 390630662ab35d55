import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Filtering". */
export const defineFilter = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/user/{userId}/filter'),
  authentication: 'access token',
  summary: 'Save a filter',
  body: anyJsonObject,
  response: Type.Object({ filter_id: Type.String() }),
});

export const getFilter = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/user/{userId}/filter/{filterId}'),
  authentication: 'access token',
  summary: 'A filter that was saved',
  response: anyJsonObject,
});
