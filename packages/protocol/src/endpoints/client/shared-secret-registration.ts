import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

const path = '/_synapse/admin/v1/register';

/** Synapse's admin API, "Shared-Secret Registration": what Matrix tools know, under the path that they know. */
export const getRegistrationNonce = defineEndpoint({
  method: 'GET',
  path,
  authentication: 'none',
  summary: 'A nonce for a registration by shared secret',
  response: Type.Object({ nonce: Type.String() }),
});

export const registerBySharedSecret = defineEndpoint({
  method: 'POST',
  path,
  authentication: 'none',
  summary: 'Make an account by a shared secret',
  body: Type.Object({
    nonce: Type.String(),
    username: Type.String(),
    password: Type.String(),
    mac: Type.String(),
    admin: Type.Optional(Type.Boolean()),
    displayname: Type.Optional(Type.String()),
    user_type: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  }),
  response: Type.Object({
    user_id: Type.String(),
    access_token: Type.String(),
    device_id: Type.String(),
    home_server: Type.String(),
  }),
});
