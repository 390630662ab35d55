import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { deviceKeys, namedKeys } from './device-keys-schema.ts';
import { anyJsonObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';
import { v3AndR0 } from './version-paths.ts';

/** Specification: client-server API, "Key management API". */
export const uploadKeys = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/keys/upload'),
  authentication: 'access token',
  summary: 'Publish keys of the device',
  body: Type.Object({
    device_keys: Type.Optional(deviceKeys),
    one_time_keys: namedKeys,
    fallback_keys: namedKeys,
  }),
  response: Type.Object({ one_time_key_counts: recordOf(Type.Integer()) }),
});

export const queryKeys = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/keys/query'),
  authentication: 'access token',
  summary: 'The device keys of users',
  body: Type.Object({
    /** How long to wait for other servers, in milliseconds. */
    timeout: Type.Optional(Type.Integer({ minimum: 0 })),
    /** By user: devices, none for all. */
    device_keys: recordOf(Type.Array(Type.String())),
  }),
  response: Type.Object({
    device_keys: anyJsonObject,
    master_keys: Type.Optional(anyJsonObject),
    self_signing_keys: Type.Optional(anyJsonObject),
    user_signing_keys: Type.Optional(anyJsonObject),
    failures: Type.Optional(anyJsonObject),
  }),
});

export const claimKeys = defineEndpoint({
  method: 'POST',
  paths: v3AndR0('/keys/claim'),
  authentication: 'access token',
  summary: 'Take one-time keys of devices',
  body: Type.Object({
    /** How long to wait for other servers, in milliseconds. */
    timeout: Type.Optional(Type.Integer({ minimum: 0 })),
    /** By user, by device: an algorithm. */
    one_time_keys: recordOf(recordOf(Type.String())),
  }),
  response: Type.Object({ one_time_keys: anyJsonObject, failures: Type.Optional(anyJsonObject) }),
});

export const getKeyChanges = defineEndpoint({
  method: 'GET',
  paths: v3AndR0('/keys/changes'),
  authentication: 'access token',
  summary: 'Whose devices changed between two syncs',
  query: Type.Object({ from: Type.String(), to: Type.String() }),
  response: Type.Object({ changed: Type.Array(Type.String()), left: Type.Array(Type.String()) }),
});
