import { defineEndpoint } from '../../endpoint.ts';

/** Specification: server-server API, "POST /_matrix/policy/v1/sign". */
export const signByPolicy = defineEndpoint({
  method: 'POST',
  path: '/_matrix/policy/v1/sign',
  authentication: 'server signature',
  summary: 'Ask a policy server to sign an event; this server is none',
});
