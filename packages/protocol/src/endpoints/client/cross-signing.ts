import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject, emptyObject } from './json-object-schema.ts';
import { recordOf } from './record-schema.ts';
import { v3AndUnstable } from './version-paths.ts';

const crossSigningKey = Type.Optional(
  Type.Object({
    user_id: Type.String(),
    usage: Type.Array(Type.String()),
    keys: recordOf(Type.String()),
    signatures: Type.Optional(recordOf(recordOf(Type.String()))),
  }),
);

/** Specification: client-server API, "Cross-signing". */
export const uploadSigningKeys = defineEndpoint({
  method: 'POST',
  paths: v3AndUnstable('/keys/device_signing/upload'),
  authentication: 'access token',
  summary: 'Publish cross-signing keys of the user',
  body: Type.Object({
    auth: Type.Optional(anyJsonObject),
    master_key: crossSigningKey,
    self_signing_key: crossSigningKey,
    user_signing_key: crossSigningKey,
  }),
  response: emptyObject,
});

export const uploadSignatures = defineEndpoint({
  method: 'POST',
  paths: v3AndUnstable('/keys/signatures/upload'),
  authentication: 'access token',
  summary: 'Publish signatures on keys',
  /** By user, by device ID or public key: the key with the new signatures. */
  body: recordOf(recordOf(anyJsonObject)),
  response: Type.Object({ failures: anyJsonObject }),
});
