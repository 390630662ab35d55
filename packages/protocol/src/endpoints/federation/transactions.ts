import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** Specification: server-server API, "PUT /_matrix/federation/v1/send/{txnId}". */
export const sendTransaction = defineEndpoint({
  method: 'PUT',
  path: '/_matrix/federation/v1/send/{txnId}',
  authentication: 'server signature',
  summary: 'Push events and ephemeral data to this server',
  body: Type.Object({
    origin: Type.String(),
    /** Milliseconds. */
    origin_server_ts: Type.Optional(Type.Unknown()),
    /** At most 50, of the formats of their room versions. */
    pdus: Type.Array(Type.Unknown()),
    /** At most 100. */
    edus: Type.Optional(Type.Array(Type.Unknown())),
  }),
  response: Type.Object({ pdus: Type.Record(Type.String(), Type.Object({ error: Type.Optional(Type.String()) })) }),
});
