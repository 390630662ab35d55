import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/**
 * E-mail addresses and phone numbers of accounts. Specification: client-server API, "Adding Account Administrative
 * Contact Information".
 */
export const getThirdPartyIdentifiers = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/account/3pid'),
  authentication: 'access token',
  summary: 'The e-mail addresses and phone numbers of the account',
  response: Type.Object({ threepids: Type.Array(Type.Unknown()) }),
});

const withIdentityServer = {
  client_secret: Type.String(),
  id_server: Type.String(),
  id_access_token: Type.String(),
  sid: Type.String(),
};

/** Deprecated: the same as `bind`. */
export const postThirdPartyIdentifiers = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid'),
  authentication: 'access token',
  summary: 'Add an address that an identity server verified, as old clients do',
  body: Type.Object({
    three_pid_creds: Type.Object({ ...withIdentityServer, id_access_token: Type.Optional(Type.String()) }),
  }),
  response: emptyObject,
});

export const addThirdPartyIdentifier = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/add'),
  authentication: 'access token',
  summary: 'Add an address to the account',
  body: Type.Object({ auth: Type.Optional(anyJsonObject), client_secret: Type.String(), sid: Type.String() }),
  response: emptyObject,
});

export const bindThirdPartyIdentifier = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/bind'),
  authentication: 'access token',
  summary: 'Let an identity server find the user by an address',
  body: Type.Object(withIdentityServer),
  response: emptyObject,
});

const medium = Type.Union([Type.Literal('email'), Type.Literal('msisdn')]);
const named = Type.Object({ id_server: Type.Optional(Type.String()), medium, address: Type.String() });
const unbindResult = Type.Object({
  id_server_unbind_result: Type.Union([Type.Literal('no-support'), Type.Literal('success')]),
});

export const deleteThirdPartyIdentifier = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/delete'),
  authentication: 'access token',
  summary: 'Take an address from the account',
  body: named,
  response: unbindResult,
});

export const unbindThirdPartyIdentifier = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/unbind'),
  authentication: 'access token',
  summary: 'Let an identity server forget an address',
  body: named,
  response: unbindResult,
});

const requested = {
  client_secret: Type.String({ minLength: 1, maxLength: 255 }),
  send_attempt: Type.Integer(),
  next_link: Type.Optional(Type.String()),
  id_server: Type.Optional(Type.String()),
  id_access_token: Type.Optional(Type.String()),
};
const emailRequested = Type.Object({ ...requested, email: Type.String() });
const phoneRequested = Type.Object({ ...requested, country: Type.String(), phone_number: Type.String() });
const session = Type.Object({ sid: Type.String(), submit_url: Type.Optional(Type.String()) });

export const requestTokenToRegisterByEmail = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/register/email/requestToken'),
  authentication: 'none',
  summary: 'Verify an e-mail address to register with',
  body: emailRequested,
  response: session,
});

export const requestTokenToRegisterByPhone = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/register/msisdn/requestToken'),
  authentication: 'none',
  summary: 'Verify a phone number to register with',
  body: phoneRequested,
  response: session,
});

export const requestTokenToResetPasswordByEmail = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/password/email/requestToken'),
  authentication: 'none',
  summary: 'Verify an e-mail address to set another password',
  body: emailRequested,
  response: session,
});

export const requestTokenToResetPasswordByPhone = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/password/msisdn/requestToken'),
  authentication: 'none',
  summary: 'Verify a phone number to set another password',
  body: phoneRequested,
  response: session,
});

export const requestTokenToAddEmail = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/email/requestToken'),
  authentication: 'none',
  summary: 'Verify an e-mail address to add to an account',
  body: emailRequested,
  response: session,
});

export const requestTokenToAddPhone = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/account/3pid/msisdn/requestToken'),
  authentication: 'none',
  summary: 'Verify a phone number to add to an account',
  body: phoneRequested,
  response: session,
});
