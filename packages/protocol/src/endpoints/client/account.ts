import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Account management". */
export const whoAmI = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/account/whoami'),
  authentication: 'access token',
  summary: 'Whose access token this is',
  response: Type.Object({ user_id: Type.String(), device_id: Type.String(), is_guest: Type.Boolean() }),
});

/** `new_password` may be left out where the session of the authentication remembers it. */
export const changePassword = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/password'),
  authentication: 'access token',
  summary: 'Set another password',
  body: Type.Object({
    auth: Type.Optional(anyJsonObject),
    new_password: Type.Optional(Type.String()),
    logout_devices: Type.Optional(Type.Boolean()),
  }),
  response: emptyObject,
});

export const deactivateAccount = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/deactivate'),
  authentication: 'access token',
  summary: 'End the account for good',
  body: Type.Object({ auth: Type.Optional(anyJsonObject), erase: Type.Optional(Type.Boolean()) }),
  response: Type.Object({ id_server_unbind_result: Type.String() }),
});
