import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "POST /_matrix/client/v3/register". */
export const register = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/register'),
  authentication: 'none',
  summary: 'Make an account',
  query: Type.Object({
    kind: Type.Union([Type.Literal('user'), Type.Literal('guest')], { default: 'user' }),
  }),
  body: Type.Object({
    auth: Type.Optional(anyJsonObject),
    username: Type.Optional(Type.String()),
    password: Type.Optional(Type.String()),
    device_id: Type.Optional(Type.String()),
    initial_device_display_name: Type.Optional(Type.String()),
    inhibit_login: Type.Optional(Type.Boolean()),
    refresh_token: Type.Optional(Type.Boolean()),
    // Of a guest who becomes a user.
    guest_access_token: Type.Optional(Type.String()),
  }),
  response: Type.Object({
    user_id: Type.String(),
    access_token: Type.Optional(Type.String()),
    device_id: Type.Optional(Type.String()),
    refresh_token: Type.Optional(Type.String()),
    expires_in_ms: Type.Optional(Type.Integer()),
  }),
});

export const checkUsernameAvailability = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/register/available'),
  authentication: 'none',
  summary: 'Whether a user name is free',
  query: Type.Object({ username: Type.String() }),
  response: Type.Object({ available: Type.Boolean() }),
});

export const getRegistrationTokenValidity = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/v1/register/m.login.registration_token/validity',
  authentication: 'none',
  summary: 'Whether a registration token can be used',
  query: Type.Object({ token: Type.String() }),
  response: Type.Object({ valid: Type.Boolean() }),
});
