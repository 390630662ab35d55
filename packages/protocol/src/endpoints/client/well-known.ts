import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { anyJsonObject } from './json-object-schema.ts';

/** Where clients find the server. Specification: client-server API, "GET /.well-known/matrix/client". */
export const getWellKnownClient = defineEndpoint({
  method: 'GET',
  path: '/.well-known/matrix/client',
  authentication: 'none',
  summary: 'Where clients find the server',
  response: Type.Object({
    'm.homeserver': Type.Object({ base_url: Type.String() }),
    'org.matrix.msc4143.rtc_foci': Type.Optional(Type.Array(anyJsonObject)),
  }),
});

/** Whom to turn to. Specification: client-server API, "Server discovery", `GET /.well-known/matrix/support`. */
export const getWellKnownSupport = defineEndpoint({
  method: 'GET',
  path: '/.well-known/matrix/support',
  authentication: 'none',
  summary: 'Who looks after this server',
  response: Type.Object({
    contacts: Type.Optional(
      Type.Array(
        Type.Object({
          role: Type.String(),
          matrix_id: Type.Optional(Type.String()),
          email_address: Type.Optional(Type.String()),
        }),
      ),
    ),
    support_page: Type.Optional(Type.String()),
  }),
});

/** Specification: client-server API, "Policy servers", `GET /.well-known/matrix/policy_server`. */
export const getWellKnownPolicyServer = defineEndpoint({
  method: 'GET',
  path: '/.well-known/matrix/policy_server',
  authentication: 'none',
  summary: 'The keys of the policy server of this name',
  response: Type.Object({ public_keys: Type.Record(Type.String(), Type.String()) }),
});
