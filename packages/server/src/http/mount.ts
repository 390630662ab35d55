import { Readable } from 'node:stream';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { canonicalTextAsWritten } from '@limpet/protocol/canonical-text-as-written';
import { routePath } from '@limpet/protocol/endpoint';
import type { JsonValue } from '@limpet/protocol/json';
import { mayHoldNonInteger, parseEventJson } from '@limpet/protocol/parse-event-json';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AccountRequests } from '../services/accounts/account-requests.ts';
import type { ServerKeys } from '../services/remote-servers/remote-servers.ts';
import { standingCheck } from './account-standing.ts';
import { accessTokenOf, authenticate, type Requester, type TokenVerifier } from './authenticate.ts';
import { baseUrlOf } from './base-url.ts';
import { bodyStream } from './body-stream.ts';
import { schemaCheck } from './check-schema.ts';
import { addressNetwork, clientAddressOf } from './client-address.ts';
import { coerceQuery } from './coerce-query.ts';
import { HttpAnswer } from './http-answer.ts';
import type { OpenRequests } from './open-requests.ts';
import { parseQueryString, type QueryParameters } from './query-string.ts';
import type { RateLimits } from './rate-limits.ts';
import { RawJson } from './raw-json.ts';
import { readJsonBody } from './read-json-body.ts';
import { RequestsUnderWay } from './requests-under-way.ts';
import type { HandlerResult, RequestContext, Route, StreamedRequest } from './route.ts';
import {
  type ClaimedSignature,
  type RequestingServer,
  readServerSignature,
  verifyServerSignature,
} from './server-signature.ts';
import { StreamedBytes } from './streamed-bytes.ts';

/**
 * Signatures that are verified at once for one network. It takes no time with a key that is known; who makes up servers
 * makes us look for their keys, and is to leave room for others.
 */
const MAX_VERIFYING_PER_NETWORK = 100;

/** What the edge itself needs of the server, for every route alike. */
export interface Edge {
  readonly tokenVerifier: TokenVerifier;
  /** Told what is under way of which account. */
  readonly accountRequests: Pick<AccountRequests, 'run'>;
  readonly rateLimits: RateLimits;
  readonly openRequests: OpenRequests;
  /** Whether X-Forwarded-For is to be believed. */
  readonly isBehindProxy: boolean;
  /** Our own name, which requests of other servers have to be for, and the keys that they sign them with. */
  readonly serverName: string;
  readonly serverKeys: ServerKeys;
  /** Told of every server whose signature was right. */
  readonly heardFrom: (serverName: string) => void;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read, on routes that take an access token. */
    requester: Requester | undefined;
    /** Set before the body is read, on routes that take the signature of a server; verified when it was read. */
    claimedSignature: ClaimedSignature | undefined;
    /** The body that the signature covers, parsed once. */
    signedBody: JsonValue | undefined;
    /** The header, which Fastify is not to see: see `create-http-app.ts`. */
    contentType: string | undefined;
    clientAddress: string;
    queryParameters: QueryParameters | undefined;
  }
}

/**
 * Mounts routes on an application of `create-http-app.ts`. For each request, in this order: rate limit and access token
 * (before the body is read), body, query, path against their schemas, the handler, the answer. A server's signature
 * covers the body, so it is verified after that was read, and before all else.
 */
export function mount(app: FastifyInstance, routes: readonly Route[], withoutCounts: Edge): void {
  const edge = { ...withoutCounts, verifying: new RequestsUnderWay(MAX_VERIFYING_PER_NETWORK) };
  mountAll(
    app,
    routes.filter((route) => !route.takesStream),
    edge,
  );
  app.register(async (streaming) => {
    streaming.removeAllContentTypeParsers();
    streaming.addContentTypeParser('*', (_request, body, done) => done(null, body));
    mountAll(
      streaming,
      routes.filter((route) => route.takesStream),
      edge,
    );
  });
}

interface MountEdge extends Edge {
  /** Signatures that are being verified, by network. */
  readonly verifying: RequestsUnderWay;
}

function mountAll(app: FastifyInstance, routes: readonly Route[], edge: MountEdge): void {
  for (const route of routes) {
    const handler = handlerOf(route, edge);
    const checkStanding = standingCheck(route.endpoint);
    for (const path of route.endpoint.paths) {
      app.route({
        method: route.endpoint.method,
        url: routePath(path),
        ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
        onRequest: async (request) => {
          await admit(request, route, edge);
          if (request.requester !== undefined) checkStanding(request.requester.standing);
        },
        handler,
      });
    }
  }
}

/** Who asks, and whether it may ask so often. What is refused here costs neither a body nor a schema. */
async function admit(request: FastifyRequest, route: Route, edge: MountEdge): Promise<void> {
  request.clientAddress = clientAddressOf(request.raw, edge.isBehindProxy);
  const { authentication } = route.endpoint;
  if (authentication === 'server signature') {
    admitServer(request, edge);
    return;
  }
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

function admitServer(request: FastifyRequest, edge: MountEdge): void {
  const network = addressNetwork(request.clientAddress);
  try {
    request.claimedSignature = readServerSignature(request.raw.rawHeaders, edge.serverName);
  } catch (error) {
    edge.rateLimits.take('general', network);
    throw error;
  }
  edge.rateLimits.take('federation', request.claimedSignature.origin, network);
}

/** The server that signed, its signature verified over the body. A wrong one counts as a request of nobody. */
async function verifyServer(
  request: FastifyRequest,
  claimed: ClaimedSignature,
  edge: MountEdge,
): Promise<RequestingServer> {
  const signed = {
    method: request.method,
    uri: request.raw.url ?? '',
    destination: edge.serverName,
    content: signedContentOf(request),
  };
  const network = addressNetwork(request.clientAddress);
  try {
    const server = await edge.verifying.run(network, () => verifyServerSignature(claimed, signed, edge.serverKeys));
    edge.heardFrom(server.serverName);
    return server;
  } catch (error) {
    edge.rateLimits.take('general', network);
    throw error;
  }
}

/** Reads the body, and gives the form of it that was signed. */
function signedContentOf(request: FastifyRequest): string | undefined {
  const bytes = bytesOf(request);
  if (bytes.length === 0) {
    return undefined;
  }
  const body = readJsonBody(bytes, parseEventJson);
  request.signedBody = body;
  const text = bytes.toString('utf8');
  return mayHoldNonInteger(text) ? canonicalTextAsWritten(text) : encodeCanonicalJson(body);
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

function handlerOf(route: Route, edge: MountEdge): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const { endpoint } = route;
  const checkPath = endpoint.pathParameters && schemaCheck(endpoint.pathParameters, 'path');
  const checkQuery = endpoint.query && schemaCheck(endpoint.query, 'query');
  const checkBody = endpoint.body && schemaCheck(endpoint.body, 'body');

  return async (request, reply) => {
    const claimed = request.claimedSignature;
    const server = claimed === undefined ? undefined : await verifyServer(request, claimed, edge);
    const input = {
      path: checkPath === undefined ? request.params : checkPath(request.params),
      query:
        checkQuery === undefined || endpoint.query === undefined
          ? undefined
          : checkQuery(coerceQuery(queryParametersOf(request), endpoint.query)),
      body: checkBody === undefined ? undefined : checkBody(bodyOf(request)),
      ...contextOf(request, server),
      ...(route.takesStream ? streamOf(request, route) : undefined),
      get baseUrl() {
        return baseUrlOf(request.raw, edge.isBehindProxy);
      },
      get signal() {
        return edge.openRequests.signalOf(reply.raw);
      },
    };
    const { requester } = request;
    const work = () => route.handle(input as never);
    const result = await (requester === undefined ? work() : edge.accountRequests.run(requester.userId, work));
    return send(request, reply, result);
  };
}

type Context = Omit<RequestContext<Route['endpoint']>, 'requester' | 'signal' | 'baseUrl'> & {
  requester: Requester | RequestingServer | undefined;
};

function contextOf(request: FastifyRequest, server: RequestingServer | undefined): Context {
  return {
    requester: server ?? request.requester,
    clientAddress: request.clientAddress,
    clientNetwork: addressNetwork(request.clientAddress),
    userAgent: request.headers['user-agent'],
    requestId: request.id,
    ifNoneMatch: request.headers['if-none-match'],
  };
}

function streamOf(request: FastifyRequest, { bodyLimitBytes = 0 }: Route): StreamedRequest {
  const body = request.body instanceof Readable ? request.body : undefined;
  const declaredLength = request.headers['content-length'];
  return { content: bodyStream(body, declaredLength, bodyLimitBytes), contentType: request.contentType };
}

/**
 * A PUT puts its body, so it needs one; elsewhere no body says the same as `{}`. What servers send may hold events, so
 * there numbers that are not canonical show.
 */
function bodyOf(request: FastifyRequest): unknown {
  if (request.signedBody !== undefined) {
    return request.signedBody;
  }
  const bytes = bytesOf(request);
  return bytes.length === 0 && request.method !== 'PUT' ? {} : readJsonBody(bytes);
}

function bytesOf(request: FastifyRequest): Buffer {
  return request.body instanceof Buffer ? request.body : EMPTY;
}

const EMPTY = Buffer.alloc(0);

function send(request: FastifyRequest, reply: FastifyReply, result: HandlerResult): FastifyReply {
  if (!(result instanceof HttpAnswer)) {
    return sendJson(reply, result);
  }
  reply.code(result.status).headers(result.headers);
  if (result.body instanceof StreamedBytes) {
    const { sizeBytes, read } = result.body;
    if (sizeBytes !== undefined) reply.header('content-length', sizeBytes);
    return reply.send(Readable.from(request.method === 'HEAD' ? [] : read(), { objectMode: false }));
  }
  return typeof result.body === 'string' || result.body instanceof Uint8Array
    ? reply.send(result.body)
    : sendJson(reply, result.body);
}

function sendJson(reply: FastifyReply, body: Exclude<HandlerResult, HttpAnswer>): FastifyReply {
  const text = body instanceof RawJson ? body.text : JSON.stringify(body);
  return reply.header('content-type', 'application/json').send(text);
}
