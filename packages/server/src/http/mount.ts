import { routePath } from '@limpet/protocol/endpoint';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { accessTokenOf, authenticate, type Requester, type TokenVerifier } from './authenticate.ts';
import { baseUrlOf } from './base-url.ts';
import { schemaCheck } from './check-schema.ts';
import { addressNetwork, clientAddressOf } from './client-address.ts';
import { coerceQuery } from './coerce-query.ts';
import { HttpAnswer } from './http-answer.ts';
import type { OpenRequests } from './open-requests.ts';
import { parseQueryString, type QueryParameters } from './query-string.ts';
import type { RateLimits } from './rate-limits.ts';
import { RawJson } from './raw-json.ts';
import { readJsonBody } from './read-json-body.ts';
import type { HandlerResult, RequestContext, Route } from './route.ts';

/** What the edge itself needs of the server, for every route alike. */
export interface Edge {
  readonly tokenVerifier: TokenVerifier;
  readonly rateLimits: RateLimits;
  readonly openRequests: OpenRequests;
  /** Whether X-Forwarded-For is to be believed. */
  readonly isBehindProxy: boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read, on routes that take an access token. */
    requester: Requester | undefined;
    clientAddress: string;
    queryParameters: QueryParameters | undefined;
  }
}

/**
 * Mounts routes on an application of `create-http-app.ts`. For each request, in this order: rate limit and access token
 * (before the body is read), body, query, path against their schemas, the handler, the answer.
 */
export function mount(app: FastifyInstance, routes: readonly Route[], edge: Edge): void {
  for (const route of routes) {
    if (route.endpoint.authentication === 'server signature') {
      throw new Error(`${route.endpoint.paths[0]}: server signatures are not verified yet.`);
    }
    const handler = handlerOf(route, edge);
    for (const path of route.endpoint.paths) {
      app.route({
        method: route.endpoint.method,
        url: routePath(path),
        ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
        onRequest: (request) => admit(request, route, edge),
        handler,
      });
    }
  }
}

/** Who asks, and whether it may ask so often. What is refused here costs neither a body nor a schema. */
async function admit(request: FastifyRequest, route: Route, edge: Edge): Promise<void> {
  request.clientAddress = clientAddressOf(request.raw, edge.isBehindProxy);
  const { authentication } = route.endpoint;
  const token = authentication === 'none' ? undefined : tokenOf(request);
  if (token === undefined && authentication !== 'access token') {
    edge.rateLimits.take('general', addressNetwork(request.clientAddress));
    return;
  }
  try {
    request.requester = await authenticate(token, edge.tokenVerifier);
  } catch (error) {
    edge.rateLimits.take('general', addressNetwork(request.clientAddress));
    throw error;
  }
  edge.rateLimits.take('general', request.requester.userId);
}

function tokenOf(request: FastifyRequest): string | undefined {
  const { authorization } = request.headers;
  return accessTokenOf(authorization, queryParametersOf(request).access_token);
}

function queryParametersOf(request: FastifyRequest): QueryParameters {
  if (request.queryParameters === undefined) {
    const url = request.raw.url ?? '';
    const questionMark = url.indexOf('?');
    request.queryParameters = parseQueryString(questionMark === -1 ? '' : url.slice(questionMark + 1));
  }
  return request.queryParameters;
}

function handlerOf(route: Route, edge: Edge): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const { endpoint } = route;
  const checkPath = endpoint.pathParameters && schemaCheck(endpoint.pathParameters, 'path');
  const checkQuery = endpoint.query && schemaCheck(endpoint.query, 'query');
  const checkBody = endpoint.body && schemaCheck(endpoint.body, 'body');

  return async (request, reply) => {
    const input = {
      path: checkPath === undefined ? request.params : checkPath(request.params),
      query:
        checkQuery === undefined || endpoint.query === undefined
          ? undefined
          : checkQuery(coerceQuery(queryParametersOf(request), endpoint.query)),
      body: checkBody === undefined ? undefined : checkBody(bodyOf(request)),
      ...contextOf(request),
      get baseUrl() {
        return baseUrlOf(request.raw, edge.isBehindProxy);
      },
      get signal() {
        return edge.openRequests.signalOf(reply.raw);
      },
    };
    return send(reply, await route.handle(input as never));
  };
}

type Context = Omit<RequestContext<Route['endpoint']>, 'requester' | 'signal' | 'baseUrl'> & {
  requester: Requester | undefined;
};

function contextOf(request: FastifyRequest): Context {
  return {
    requester: request.requester,
    clientAddress: request.clientAddress,
    clientNetwork: addressNetwork(request.clientAddress),
    userAgent: request.headers['user-agent'],
    requestId: request.id,
  };
}

/** A PUT puts its body, so it needs one; elsewhere no body says the same as `{}`. */
function bodyOf(request: FastifyRequest): unknown {
  const bytes = request.body instanceof Buffer ? request.body : EMPTY;
  return bytes.length === 0 && request.method !== 'PUT' ? {} : readJsonBody(bytes);
}

const EMPTY = Buffer.alloc(0);

function send(reply: FastifyReply, result: HandlerResult): FastifyReply {
  if (!(result instanceof HttpAnswer)) {
    return sendJson(reply, result);
  }
  reply.code(result.status).headers(result.headers);
  return typeof result.body === 'string' || result.body instanceof Uint8Array
    ? reply.send(result.body)
    : sendJson(reply, result.body);
}

function sendJson(reply: FastifyReply, body: Exclude<HandlerResult, HttpAnswer>): FastifyReply {
  const text = body instanceof RawJson ? body.text : JSON.stringify(body);
  return reply.header('content-type', 'application/json').send(text);
}
