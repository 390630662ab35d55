import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Push Notifications". */
export const getPushers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/pushers'),
  authentication: 'access token',
  summary: 'The pushers of the user',
  response: Type.Object({ pushers: Type.Array(anyJsonObject) }),
});

/** What a pusher that is set needs beside `kind` is checked by the service: one that is removed needs nothing else. */
export const setPusher = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/pushers/set'),
  authentication: 'access token',
  summary: 'Set a pusher, or remove one',
  body: Type.Object({
    pushkey: Type.String(),
    kind: Type.Union([Type.String(), Type.Null()]),
    app_id: Type.String(),
    app_display_name: Type.Optional(Type.String()),
    device_display_name: Type.Optional(Type.String()),
    profile_tag: Type.Optional(Type.String()),
    lang: Type.Optional(Type.String()),
    data: Type.Optional(anyJsonObject),
    append: Type.Optional(Type.Boolean()),
  }),
  response: emptyObject,
});

export const getNotifications = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/notifications'),
  authentication: 'access token',
  summary: 'What the user was notified of',
  query: Type.Object({
    from: Type.Optional(Type.String()),
    limit: Type.Optional(Type.Integer({ minimum: 1 })),
    only: Type.Optional(Type.String()),
  }),
  response: Type.Object({ notifications: Type.Array(anyJsonObject), next_token: Type.Optional(Type.String()) }),
});
