import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { JsonValue } from '@limpet/protocol/json';
import { signedTextOfRequest } from '@limpet/protocol/signed-request';
import { type SigningKey, signText } from '@limpet/protocol/signing';
import { formatXMatrix } from '@limpet/protocol/x-matrix';
import { OutboundFailure, type OutboundHttp, type OutboundResponse } from '../../platform/outbound-http.ts';
import type { HeardServers } from './heard-servers.ts';
import { checkStatus, readAnswer } from './read-answer.ts';
import type { RecentFailures } from './recent-failures.ts';
import type { RemoteDownload } from './remote-downloads.ts';
import { type RemoteRequest, RemoteServerError } from './remote-servers.ts';
import type { ServerRoute, ServerRoutes } from './server-routes.ts';

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_BYTES = 10 * 1024 * 1024;
/** Ways to one server that are tried, one after the other, for one request. */
const MAX_ROUTES_TRIED = 4;
/** A server that has not answered after this time is taken for unreachable; who waited less knows less. */
const TELLING_TIMEOUT_MS = 10_000;

export interface RemoteRequestsParts {
  readonly serverName: string;
  readonly isEnabled: boolean;
  readonly signingKey: SigningKey;
  readonly outboundHttp: OutboundHttp;
  readonly routes: ServerRoutes;
  readonly failures: RecentFailures;
  readonly heardServers: HeardServers;
}

/** Sends requests to other servers, on the way that discovery finds, and reads their answers. */
export class RemoteRequests {
  readonly #parts: RemoteRequestsParts;

  constructor(parts: RemoteRequestsParts) {
    this.#parts = parts;
  }

  /** @throws RemoteServerError */
  async send(destination: string, request: RemoteRequest, isSigned: boolean): Promise<JsonValue> {
    const prepared = this.#prepare(destination, request, isSigned);
    return readAnswer(destination, await this.#exchange(destination, prepared, request.asksAfterFailure));
  }

  /** @throws RemoteServerError */
  async download(destination: string, request: RemoteDownload): Promise<OutboundResponse> {
    const { isSigned, maxRedirects, ...rest } = request;
    const prepared = this.#prepare(destination, { ...rest, method: 'GET' }, isSigned);
    const headers = { ...prepared.headers, accept: '*/*' };
    const download = { ...prepared, headers, maxRedirects, isDownload: true };
    return checkStatus(destination, await this.#exchange(destination, download));
  }

  async #exchange(destination: string, request: PreparedRequest, asksAfterFailure = false): Promise<OutboundResponse> {
    const { serverName, isEnabled } = this.#parts;
    if (!isEnabled) {
      throw new RemoteServerError(destination, 'unreachable', 'Federation is switched off in the configuration.');
    }
    if (destination === serverName) {
      throw new RemoteServerError(destination, 'unreachable', 'A server sends no requests to itself.');
    }
    const reasonToWait = asksAfterFailure ? undefined : this.#parts.failures.reasonToWait(destination);
    if (reasonToWait !== undefined) {
      throw new RemoteServerError(destination, 'unreachable', `${reasonToWait} (tried a moment ago)`);
    }
    const response = await this.#onSomeRoute(destination, request);
    if (this.#parts.failures.forget(destination)) {
      this.#parts.heardServers.tell(destination);
    }
    return response;
  }

  #prepare(destination: string, request: RemoteRequest, isSigned: boolean): PreparedRequest {
    const { body, method } = request;
    const uri = `${request.path}${queryOf(request.query)}`;
    const content = body === undefined || typeof body === 'string' ? body : encodeCanonicalJson(body);
    const headers: Record<string, string> = { 'user-agent': 'Limpet', accept: 'application/json' };
    if (content !== undefined) {
      headers['content-type'] = 'application/json';
    }
    if (isSigned) {
      headers.authorization = this.#authorization({ method, uri, destination, content });
    }
    const { timeoutMs = DEFAULT_TIMEOUT_MS, maxBytes = DEFAULT_MAX_BYTES, signal } = request;
    return { method, uri, headers, body: content, timeoutMs, maxBytes, signal };
  }

  #authorization(request: { method: string; uri: string; destination: string; content: string | undefined }): string {
    const { serverName: origin, signingKey } = this.#parts;
    const signature = signText(signedTextOfRequest({ ...request, origin }), signingKey);
    return formatXMatrix({ origin, destination: request.destination, key: signingKey.keyId, signature });
  }

  /** The next way is tried where nobody answered on the one before: an answer of any kind is the server's. */
  async #onSomeRoute(destination: string, request: PreparedRequest): Promise<OutboundResponse> {
    const routes = await this.#parts.routes.find(destination);
    let failure: OutboundFailure | undefined;
    for (const route of routes.slice(0, MAX_ROUTES_TRIED)) {
      try {
        return await this.#onRoute(route, request);
      } catch (error) {
        if (!(error instanceof OutboundFailure)) throw error;
        failure = error;
        if (!MAY_BE_ELSEWHERE.has(error.kind)) break;
      }
    }
    const error = failed(destination, failure);
    this.#remember(error, failure, request);
    throw error;
  }

  /** What says something of the server, and not only of this request. */
  #remember(error: RemoteServerError, failure: OutboundFailure | undefined, request: PreparedRequest): void {
    const isLong = request.timeoutMs >= TELLING_TIMEOUT_MS && !request.isDownload;
    const isTelling = failure?.kind === 'timeout' ? isLong : failure?.kind !== 'aborted';
    if (error.kind === 'unreachable' && isTelling) {
      this.#parts.failures.add(error.destination, error.message);
      this.#parts.routes.failed(error.destination);
    }
  }

  #onRoute(
    { origin, host }: ServerRoute,
    { uri, isDownload: _isDownload, ...request }: PreparedRequest,
  ): Promise<OutboundResponse> {
    return this.#parts.outboundHttp.send({ ...request, url: `${origin}${uri}`, host });
  }
}

interface PreparedRequest {
  readonly method: RemoteRequest['method'];
  readonly uri: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal: AbortSignal | undefined;
  readonly maxRedirects?: number | undefined;
  /** It may be large, and take long for no fault of the server. */
  readonly isDownload?: boolean;
}

/** After a timeout there is no time left for another way. */
const MAY_BE_ELSEWHERE: ReadonlySet<OutboundFailure['kind']> = new Set(['unreachable', 'tls', 'forbidden-address']);

function failed(destination: string, failure: OutboundFailure | undefined): RemoteServerError {
  const kind = failure?.kind === 'too-large' ? 'bad-answer' : 'unreachable';
  const reason = failure?.message ?? 'no way leads there';
  return new RemoteServerError(destination, kind, `${destination} gave no answer: ${reason}`, { cause: failure });
}

function queryOf(query: RemoteRequest['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of typeof value === 'string' ? [value] : (value ?? [])) {
      parameters.append(name, one);
    }
  }
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}
