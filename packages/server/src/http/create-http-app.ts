import { MatrixError } from '@limpet/protocol/matrix-error';
import { type FastifyInstance, type FastifyReply, type FastifyServerOptions, fastify } from 'fastify';
import type { Clock } from '../platform/clock.ts';
import type { Log } from '../platform/log.ts';
import { allowedMethods } from './allowed-methods.ts';
import { CORS_HEADERS, registerCors } from './cors.ts';
import { errorResponse } from './error-response.ts';
import { type Edge, mount } from './mount.ts';
import type { Route } from './route.ts';

/** Largest body of an endpoint that does not say otherwise. */
const GENERAL_BODY_LIMIT_BYTES = 1_048_576;
/** Request line and headers together. Tokens of /sync and filters stand in the query and may be long. */
const MAX_HEADER_BYTES = 65_536;
/** Longest single part of a path: as much as the header limit lets through. */
const MAX_PATH_PARAMETER_LENGTH = MAX_HEADER_BYTES;
/** A client that takes longer to send its request is cut off. Large uploads over slow lines fit in. */
const REQUEST_TIMEOUT_MS = 300_000;
/** How long an idle connection is kept; longer than the idle time of the usual reverse proxies (60 s). */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

declare module 'fastify' {
  interface FastifyRequest {
    arrivedMs: number;
  }
}

export interface HttpAppOptions {
  readonly routes: readonly Route[];
  readonly edge: Edge;
  readonly clock: Clock;
  readonly log: Log;
  readonly tls?: TlsFiles;
}

/** PEM texts, not paths. */
export interface TlsFiles {
  readonly certificate: string;
  readonly privateKey: string;
}

/**
 * One HTTP application: routes, CORS, errors and limits. It does not listen until told to; `inject` needs no network.
 */
export function createHttpApp(options: HttpAppOptions): FastifyInstance {
  const app = fastify(serverOptions(options)) as unknown as FastifyInstance;
  app.decorateRequest('requester', undefined);
  app.decorateRequest('claimedSignature', undefined);
  app.decorateRequest('signedBody', undefined);
  app.decorateRequest('clientAddress', '');
  app.decorateRequest('queryParameters', undefined);
  app.decorateRequest('contentType', undefined);
  registerCors(app);
  readBodiesAsBytes(app);
  registerAccessLog(app, options);
  answerErrors(app, options);
  mount(app, options.routes, options.edge);
  return app;
}

function serverOptions(options: HttpAppOptions): FastifyServerOptions {
  let requests = 0;
  const node = { maxHeaderSize: MAX_HEADER_BYTES };
  const { tls } = options;
  const transport =
    tls === undefined
      ? { http: node }
      : { https: { ...node, cert: tls.certificate, key: tls.privateKey, minVersion: 'TLSv1.2' as const } };
  return {
    ...transport,
    logger: false,
    bodyLimit: GENERAL_BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // Requests that come while the server stops are still answered; the connection closes after them.
    return503OnClosing: false,
    routerOptions: {
      maxParamLength: MAX_PATH_PARAMETER_LENGTH,
      // `mount` parses it, where a refusal becomes an answer.
      querystringParser: () => ({}),
    },
    // Fastify's own compilers of schemas would be loaded though `mount` gives it none: it checks and writes by itself.
    schemaController: { compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas } },
    genReqId: () => `r${++requests}`,
    frameworkErrors: (error, request, reply: FastifyReply) => answerError(error, request.id, reply, options.log),
    clientErrorHandler: answerBrokenRequest,
  } as FastifyServerOptions;
}

function refuseSchemas(): never {
  throw new Error('Routes give Fastify no schemas');
}

/** Bodies come as bytes whatever their Content-Type: the specification does not ask clients for a header. */
function readBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async (request) => {
    // A malformed one would be refused with 415. What is uploaded still has its type.
    request.contentType = request.raw.headers['content-type'];
    delete request.raw.headers['content-type'];
  });
}

/** One line for each answer, at debug. The route's pattern stands in it, not the URL, which may hold a token. */
function registerAccessLog(app: FastifyInstance, { clock, log }: HttpAppOptions): void {
  app.decorateRequest('arrivedMs', 0);
  app.addHook('onRequest', async (request) => {
    request.arrivedMs = clock.monotonicMs();
  });
  app.addHook('onResponse', async (request, reply) => {
    log.debug('Answered', {
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url,
      status: reply.statusCode,
      durationMs: Math.round(clock.monotonicMs() - request.arrivedMs),
      userId: request.requester?.userId,
      origin: request.claimedSignature?.origin,
      address: request.clientAddress,
    });
  });
}

function answerErrors(app: FastifyInstance, { routes, log }: HttpAppOptions): void {
  app.setErrorHandler((error, request, reply) => answerError(error, request.id, reply, log));
  const methodsOf = allowedMethods(routes);
  app.setNotFoundHandler((request, reply) => {
    const methods = methodsOf(request.raw.url ?? '');
    const error =
      methods.length === 0
        ? new MatrixError('M_UNRECOGNIZED', 'This server has no such endpoint.')
        : new MatrixError('M_UNRECOGNIZED', `This endpoint takes ${methods.join(', ')} only.`, { status: 405 });
    if (methods.length > 0) {
      reply.header('allow', [...methods, 'OPTIONS'].join(', '));
    }
    return answerError(error, request.id, reply, log);
  });
}

/** Sets the CORS headers once more: what the router itself refuses has passed no hook. */
function answerError(error: unknown, requestId: string, reply: FastifyReply, log: Log): FastifyReply {
  const response = errorResponse(error, requestId, log);
  reply.code(response.status).headers(CORS_HEADERS).headers(response.headers);
  return reply.header('content-type', 'application/json').send(JSON.stringify(response.body));
}

type ClientSocket = Parameters<NonNullable<FastifyServerOptions['clientErrorHandler']>>[1];

/** What is not even HTTP, or has headers beyond the limit: Node gives the bare socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: ClientSocket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, errcode, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431 Request Header Fields Too Large', 'M_TOO_LARGE', 'The address and the headers together are too long.']
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408 Request Timeout', 'M_UNKNOWN', 'The request took too long to arrive.']
        : ['400 Bad Request', 'M_UNKNOWN', 'This is not a valid HTTP request.'];
  const body = JSON.stringify({ errcode, error: message });
  const headers = Object.entries({
    ...CORS_HEADERS,
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value}`);
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}
