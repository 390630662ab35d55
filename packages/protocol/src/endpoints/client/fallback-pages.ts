import { Type } from 'typebox';
import { defineEndpoint } from '../../endpoint.ts';
import { v3AndR0 } from './version-paths.ts';

/** Pages of the server for what a client cannot do by itself. They are no JSON. */

/** Specification: client-server API, "Login Fallback". What stands in the query is for the page's script. */
export const getLoginPage = defineEndpoint({
  method: 'GET',
  paths: ['/_matrix/static/client/login/', '/_matrix/static/client/login'],
  authentication: 'none',
  summary: 'A page that logs in',
});

const stage = {
  paths: v3AndR0('/auth/{authType}/fallback/web'),
  authentication: 'none',
  query: Type.Object({ session: Type.String() }),
} as const;

/** Specification: client-server API, "Fallback" of user-interactive authentication. */
export const getStagePage = defineEndpoint({ ...stage, method: 'GET', summary: 'A page to pass a stage on' });

/** The form of that page. */
export const submitStagePage = defineEndpoint({ ...stage, method: 'POST', summary: 'Pass the stage' });
