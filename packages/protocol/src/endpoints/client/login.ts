import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import type { JsonValue } from '../../json.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
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
    token: Type.Optional(Type.String()),
    refresh_token: Type.Optional(Type.Boolean()),
    device_id: Type.Optional(Type.String()),
    initial_device_display_name: Type.Optional(Type.String()),
  }),
  response: Type.Object({
    user_id: Type.String(),
    access_token: Type.String(),
    device_id: Type.String(),
    refresh_token: Type.Optional(Type.String()),
    expires_in_ms: Type.Optional(Type.Integer()),
  }),
});

/** Specification: client-server API, "Refreshing access tokens". */
export const refreshTokens = defineEndpoint({
  method: 'POST',
  path: '/_matrix/client/v3/refresh',
  authentication: 'none',
  summary: 'Get a new access token for a refresh token',
  body: Type.Object({ refresh_token: Type.String() }),
  response: Type.Object({ access_token: Type.String(), refresh_token: Type.String(), expires_in_ms: Type.Integer() }),
});

export const generateLoginToken = defineEndpoint({
  method: 'POST',
  paths: ['/_matrix/client/v1/login/get_token', '/_matrix/client/unstable/org.matrix.msc3882/login/token'],
  authentication: 'access token',
  summary: 'Make a token that lets another device in',
  body: Type.Object({ auth: Type.Optional(anyJsonObject) }),
  response: Type.Object({ login_token: Type.String(), expires_in_ms: Type.Integer() }),
});

const ssoQuery = Type.Object({ redirectUrl: Type.String() });

/** Specification: client-server API, "SSO client login/authentication". */
export const redirectToSso = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/login/sso/redirect'),
  authentication: 'none',
  summary: 'Log in by an identity provider',
  query: ssoQuery,
});

export const redirectToIdentityProvider = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/login/sso/redirect/{idpId}'),
  authentication: 'none',
  summary: 'Log in by this identity provider',
  query: ssoQuery,
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
