import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

const serverKeys = Type.Object({
  server_name: Type.String(),
  verify_keys: Type.Record(Type.String(), Type.Object({ key: Type.String() })),
  old_verify_keys: Type.Record(Type.String(), Type.Object({ key: Type.String(), expired_ts: Type.Integer() })),
  valid_until_ts: Type.Integer(),
  signatures: Type.Unknown(),
});

/**
 * This server's keys. Older servers add the key that they look for to the path and get the same.
 * Specification: server-server API, "GET /_matrix/key/v2/server".
 */
export const getServerKeys = defineEndpoint({
  method: 'GET',
  path: '/_matrix/key/v2/server',
  authentication: 'none',
  summary: 'The public keys of this server',
  response: serverKeys,
});

/** The deprecated form of `getServerKeys`. */
export const getServerKey = defineEndpoint({
  method: 'GET',
  path: '/_matrix/key/v2/server/{keyId}',
  authentication: 'none',
  summary: 'The public keys of this server, as older servers ask for one',
  response: serverKeys,
});
