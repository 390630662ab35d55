import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** What of the specification the server speaks. Specification: client-server API, "GET /_matrix/client/versions". */
export const getVersions = defineEndpoint({
  method: 'GET',
  path: '/_matrix/client/versions',
  authentication: 'optional access token',
  summary: 'Versions of the specification and unstable features',
  response: Type.Object({
    versions: Type.Array(Type.String()),
    unstable_features: Type.Optional(Type.Record(Type.String(), Type.Boolean())),
  }),
});
