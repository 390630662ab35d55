import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Server administration". */
export const getWhoIs = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/admin/whois/{userId}'),
  authentication: 'access token',
  summary: 'From where a user was last seen',
  response: Type.Object({ user_id: Type.String(), devices: Type.Object({}) }),
});

const locked = Type.Object({ locked: Type.Boolean() });
const suspended = Type.Object({ suspended: Type.Boolean() });

export const getLocked = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v1/admin/lock/{userId}', '/_matrix/client/unstable/uk.timedout.msc4323/admin/lock/{userId}'],
  authentication: 'access token',
  summary: 'Whether an account is locked',
  response: locked,
});

export const setLocked = defineEndpoint({
  method: 'PUT',
  paths: ['/_matrix/client/v1/admin/lock/{userId}', '/_matrix/client/unstable/uk.timedout.msc4323/admin/lock/{userId}'],
  authentication: 'access token',
  summary: 'Lock an account, or unlock it',
  body: locked,
  response: locked,
});

export const getSuspended = defineEndpoint({
  method: 'GET',
  paths: [
    '/_matrix/client/v1/admin/suspend/{userId}',
    '/_matrix/client/unstable/uk.timedout.msc4323/admin/suspend/{userId}',
  ],
  authentication: 'access token',
  summary: 'Whether an account is suspended',
  response: suspended,
});

export const setSuspended = defineEndpoint({
  method: 'PUT',
  paths: [
    '/_matrix/client/v1/admin/suspend/{userId}',
    '/_matrix/client/unstable/uk.timedout.msc4323/admin/suspend/{userId}',
  ],
  authentication: 'access token',
  summary: 'Suspend an account, or take that back',
  body: suspended,
  response: suspended,
});
