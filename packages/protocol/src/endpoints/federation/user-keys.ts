import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from '../client/json-object-schema.ts';
import { recordOf } from '../client/record-schema.ts';

/** Specification: server-server API, "Device Management". */
export const getUserDevices = defineEndpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/user/devices/{userId}',
  authentication: 'server signature',
  summary: 'The devices of a user of this server',
  response: Type.Object({
    user_id: Type.String(),
    stream_id: Type.Integer(),
    devices: Type.Array(
      Type.Object({
        device_id: Type.String(),
        keys: anyJsonObject,
        device_display_name: Type.Optional(Type.String()),
      }),
    ),
    master_key: Type.Optional(anyJsonObject),
    self_signing_key: Type.Optional(anyJsonObject),
  }),
});

/** Specification: server-server API, "End-to-End Encryption". */
export const queryUserKeys = defineEndpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/query',
  authentication: 'server signature',
  summary: 'The device keys of users of this server',
  /** By user: devices, none for all. */
  body: Type.Object({ device_keys: recordOf(Type.Array(Type.String())) }),
  response: Type.Object({
    device_keys: anyJsonObject,
    master_keys: Type.Optional(anyJsonObject),
    self_signing_keys: Type.Optional(anyJsonObject),
  }),
});

/** Specification: server-server API, "End-to-End Encryption". */
export const claimUserKeys = defineEndpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/claim',
  authentication: 'server signature',
  summary: 'Take one-time keys of devices of this server',
  /** By user, by device: an algorithm. */
  body: Type.Object({ one_time_keys: recordOf(recordOf(Type.String())) }),
  response: Type.Object({ one_time_keys: anyJsonObject }),
});
