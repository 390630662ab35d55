import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import type { JsonValue } from '../../json.ts';
import { emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Login". */
export const getLoginFlows = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/login'),
  authentication: 'none',
  summary: 'The ways to log in',
  response: Type.Object({ flows: Type.Array(Type.Object({ type: Type.String() })) }),
});

const anyJson = Type.Unsafe<JsonValue>(Type.Unknown());

export const login = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/login'),
  authentication: 'none',
  summary: 'Log in',
  body: Type.Object({
    type: Type.String(),
    // Which of these there must be depends on the type.
    identifier: Type.Optional(anyJson),
    user: Type.Optional(anyJson),
    medium: Type.Optional(anyJson),
    address: Type.Optional(anyJson),
    password: Type.Optional(Type.String()),
    device_id: Type.Optional(Type.String()),
    initial_device_display_name: Type.Optional(Type.String()),
  }),
  response: Type.Object({ user_id: Type.String(), access_token: Type.String(), device_id: Type.String() }),
});

export const logout = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/logout'),
  authentication: 'access token',
  summary: 'End this session',
  response: emptyObject,
});

export const logoutAll = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/logout/all'),
  authentication: 'access token',
  summary: 'End all sessions of the user',
  response: emptyObject,
});
