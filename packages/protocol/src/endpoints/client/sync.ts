import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Syncing"; MSC4222 for `use_state_after`. */
export const syncEndpoint = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/sync'),
  authentication: 'access token',
  summary: 'What is new since the last time',
  query: Type.Object({
    /** The ID of a saved filter, or a filter itself as JSON. */
    filter: Type.Optional(Type.String()),
    since: Type.Optional(Type.String()),
    full_state: Type.Optional(Type.Boolean()),
    set_presence: Type.Optional(
      Type.Union([Type.Literal('offline'), Type.Literal('online'), Type.Literal('unavailable')]),
    ),
    /** Milliseconds. */
    timeout: Type.Optional(Type.Integer({ minimum: 0 })),
    use_state_after: Type.Optional(Type.Boolean()),
    'org.matrix.msc4222.use_state_after': Type.Optional(Type.Boolean()),
  }),
  response: anyJsonObject,
});
