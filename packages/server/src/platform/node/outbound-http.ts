import { type Dns, DnsFailure } from '../dns.ts';
import {
  OutboundFailure,
  type OutboundFailureKind,
  type OutboundHttp,
  type OutboundRequest,
  type OutboundResponse,
} from '../outbound-http.ts';
import type { OutboundPools, OutboundPoolsOptions } from './outbound-pools.ts';

/** Methods and headers of ours are few; this bounds what a redirect may make of a URL. */
const MAX_URL_LENGTH = 65_536;

export type OutboundHttpOptions = Omit<OutboundPoolsOptions, 'dns'>;

/**
 * Requests over undici, which is loaded at the first one: a server that talks with nobody does without. Nothing here
 * waits longer than the request allows, whatever the other side does.
 */
export function createNodeOutboundHttp(options: OutboundHttpOptions, dns: Dns): OutboundHttp {
  let loading: Promise<OutboundPools> | undefined;

  async function load(): Promise<OutboundPools> {
    const { createOutboundPools } = await import('./outbound-pools.ts');
    return createOutboundPools({ ...options, dns });
  }

  return {
    async send(request) {
      loading ??= load();
      const limits = startLimits(request);
      try {
        return await follow(await loading, request, limits.signal);
      } catch (error) {
        throw limits.signal.aborted ? limits.signal.reason : failureOf(error, request);
      } finally {
        limits.end();
      }
    },
  };
}

/** The time that the request has, and its caller's wish to end it, as one signal whose reason is the failure. */
function startLimits(request: OutboundRequest): { signal: AbortSignal; end(): void } {
  const controller = new AbortController();
  const timer = setTimeout(() => {
    controller.abort(new OutboundFailure('timeout', `${hostOf(request)} took longer than ${request.timeoutMs} ms`));
  }, request.timeoutMs);
  const abort = () => controller.abort(new OutboundFailure('aborted', `The request to ${hostOf(request)} was aborted`));
  if (request.signal?.aborted) {
    abort();
  }
  request.signal?.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', abort);
    },
  };
}

/** Sends, and goes on to where a redirect says, as long as it may. A redirect gets no headers that say who we are. */
async function follow(pools: OutboundPools, request: OutboundRequest, signal: AbortSignal): Promise<OutboundResponse> {
  let next = request;
  for (let redirects = 0; ; redirects++) {
    signal.throwIfAborted();
    const response = await exchange(pools, next, signal);
    const target = redirectTarget(response, next);
    if (target === undefined || redirects >= (request.maxRedirects ?? 0)) {
      return redirects === 0 ? response : { ...response, url: next.url };
    }
    const { authorization: _authorization, ...headers } = next.headers;
    next = { ...next, url: target, host: undefined, headers };
  }
}

async function exchange(
  pools: OutboundPools,
  request: OutboundRequest,
  signal: AbortSignal,
): Promise<OutboundResponse> {
  const url = new URL(request.url);
  const host = request.host ?? url.host;
  const answer = await pools.poolFor(url, { host, reach: request.reach }).request({
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers: { ...request.headers, host },
    body: request.body ?? null,
    signal,
  });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    if (size > request.maxBytes) {
      // Leaving the loop destroys the stream, and with it the connection: no more is read.
      throw new OutboundFailure('too-large', `${hostOf(request)} answered with more than ${request.maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    headers[name.toLowerCase()] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return { status: answer.statusCode, headers, body: Buffer.concat(chunks, size) };
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Where the answer sends a GET; never from HTTPS to plain HTTP. */
function redirectTarget(response: OutboundResponse, request: OutboundRequest): string | undefined {
  const { location } = response.headers;
  if (!REDIRECTS.has(response.status) || location === undefined || request.method !== 'GET') {
    return undefined;
  }
  if (location.length > MAX_URL_LENGTH || !URL.canParse(location, request.url)) {
    return undefined;
  }
  const target = new URL(location, request.url);
  const isAllowed = target.protocol === 'https:' || target.protocol === new URL(request.url).protocol;
  return isAllowed ? target.href : undefined;
}

function failureOf(error: unknown, request: OutboundRequest): OutboundFailure {
  const [root, code] = rootOf(error);
  if (root instanceof OutboundFailure) {
    return root;
  }
  const kind = root instanceof Error && root.name === 'HTTPParserError' ? 'not-http' : kindOf(code);
  return new OutboundFailure(kind, `${hostOf(request)}: ${reasonOf(root, code)}`, error);
}

/** Several addresses that all failed come as one error around theirs. */
function rootOf(error: unknown): [error: unknown, code: string] {
  const root = error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error;
  return [root, root instanceof Error && 'code' in root ? String(root.code) : ''];
}

function kindOf(code: string): OutboundFailureKind {
  if (code === 'UND_ERR_CONNECT_TIMEOUT' || code === 'ETIMEDOUT') return 'timeout';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return 'too-large';
  return TLS_CODE.test(code) ? 'tls' : 'unreachable';
}

/** What OpenSSL and `node:tls` say of certificates and handshakes. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|EPROTO$|HOSTNAME_MISMATCH|INVALID_CA)/;

function reasonOf(error: unknown, code: string): string {
  if (error instanceof DnsFailure) {
    return error.message;
  }
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return code === '' || message.includes(code) ? message : `${message} (${code})`;
}

function hostOf({ url }: OutboundRequest): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
