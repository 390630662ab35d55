import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';

/** What the server lets this user do. Specification: client-server API, "GET /_matrix/client/v3/capabilities". */
export const getCapabilities = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/client/v3/capabilities', '/_matrix/client/r0/capabilities'],
  authentication: 'access token',
  summary: 'What the server lets this user do',
  response: Type.Object({
    capabilities: Type.Object({
      'm.change_password': Type.Optional(Type.Object({ enabled: Type.Boolean() })),
      'm.room_versions': Type.Optional(
        Type.Object({
          default: Type.String(),
          available: Type.Record(Type.String(), Type.Union([Type.Literal('stable'), Type.Literal('unstable')])),
        }),
      ),
    }),
  }),
});
