import type { FastifyInstance } from 'fastify';

/**
 * Every answer carries these, errors and pre-flight requests included: without them a client in a browser cannot read
 * even why it was refused. Specification: client-server API, "Web Browser Clients". `Retry-After` is exposed because
 * matrix-js-sdk looks for it; the maximum age saves the pre-flight before each request.
 */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization, Date',
  'access-control-expose-headers': 'Retry-After',
  'access-control-max-age': '86400',
};

/**
 * Sets the headers before anything else looks at the request, and answers every OPTIONS request, of any path, with
 * 204.
 */
export function registerCors(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(CORS_HEADERS);
    if (request.method === 'OPTIONS') {
      return reply.code(204).send();
    }
  });
}
