import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { recordOf } from '../client/record-schema.ts';

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

const notaryAnswer = Type.Object({ server_keys: Type.Array(serverKeys) });
const minimumValidUntil = Type.Optional(Type.Integer());

/** Keys of a third server. Specification: server-server API, "GET /_matrix/key/v2/query/{serverName}". */
export const getKeysOfServer = defineEndpoint({
  method: 'GET',
  path: '/_matrix/key/v2/query/{serverName}',
  authentication: 'none',
  summary: 'Keys of another server, as far as this one knows them',
  query: Type.Object({ minimum_valid_until_ts: minimumValidUntil }),
  response: notaryAnswer,
});

/** The deprecated form of `getKeysOfServer`. */
export const getKeyOfServer = defineEndpoint({
  method: 'GET',
  path: '/_matrix/key/v2/query/{serverName}/{keyId}',
  authentication: 'none',
  summary: 'Keys of another server, as older servers ask for one',
  query: Type.Object({ minimum_valid_until_ts: minimumValidUntil }),
  response: notaryAnswer,
});

/** Keys of several third servers. Specification: server-server API, "POST /_matrix/key/v2/query". */
export const queryKeysOfServers = defineEndpoint({
  method: 'POST',
  path: '/_matrix/key/v2/query',
  authentication: 'none',
  summary: 'Keys of several other servers, as far as this one knows them',
  body: Type.Object({
    server_keys: recordOf(recordOf(Type.Object({ minimum_valid_until_ts: minimumValidUntil }))),
  }),
  response: notaryAnswer,
});
