import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { v3AndR0 } from './version-paths.ts';

const device = Type.Object({
  device_id: Type.String(),
  display_name: Type.Optional(Type.String()),
  last_seen_ts: Type.Optional(Type.Integer()),
  last_seen_ip: Type.Optional(Type.String()),
});

/** Specification: client-server API, "Device Management". */
export const getDevices = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/devices'),
  authentication: 'access token',
  summary: 'The devices of the user',
  response: Type.Object({ devices: Type.Array(device) }),
});

export const getDevice = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/devices/{deviceId}'),
  authentication: 'access token',
  summary: 'One device of the user',
  response: device,
});

export const updateDevice = defineEndpoint({
  method: 'PUT',
  paths: v3AndR0('/devices/{deviceId}'),
  authentication: 'access token',
  summary: 'Name a device',
  body: Type.Object({ display_name: Type.Optional(Type.String()) }),
  response: emptyObject,
});

export const deleteDevice = defineEndpoint({
  method: 'DELETE',
  paths: v3AndR0('/devices/{deviceId}'),
  authentication: 'access token',
  summary: 'End the session of a device',
  body: Type.Object({ auth: Type.Optional(anyJsonObject) }),
  response: emptyObject,
});

/** Devices that one request may delete. */
const MAX_DELETED_AT_ONCE = 1_000;

/** `devices` may be left out where the session of the authentication remembers them. */
export const deleteDevices = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/delete_devices'),
  authentication: 'access token',
  summary: 'End the sessions of several devices',
  body: Type.Object({
    auth: Type.Optional(anyJsonObject),
    devices: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_DELETED_AT_ONCE })),
  }),
  response: emptyObject,
});
