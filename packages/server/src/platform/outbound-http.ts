/**
 * The only way to ask other machines over HTTP. The real one refuses private addresses unless the configuration allows
 * them; tests and the simulator route requests to servers of the same process.
 */
export interface OutboundHttp {
  /** @throws OutboundFailure when there is no answer, or one beyond the limits. Any status is an answer. */
  send(request: OutboundRequest): Promise<OutboundResponse>;
}

export interface OutboundRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** Scheme, host, port, path and query. Host and port are where to connect. */
  readonly url: string;
  /** What the request names as its host, where that differs from the URL: the header `Host`, and the name for TLS. */
  readonly host?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  /** From the first packet to the last byte of the answer. */
  readonly timeoutMs: number;
  /** Largest body of an answer; one byte more is a failure, and no more is read. */
  readonly maxBytes: number;
  /** Redirects that are followed; 0 when left out. */
  readonly maxRedirects?: number | undefined;
  /** Left out: what the configuration allows for other homeservers. */
  readonly reach?: OutboundReach | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Where a request may go that users, and not other homeservers, give the address of. `public`: to no private address,
 * not even one that the operator allows for other homeservers. `anywhere`: the operator allows all.
 */
export type OutboundReach = 'public' | 'anywhere';

export interface OutboundResponse {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Where the answer is from, where redirects were followed. */
  readonly url?: string | undefined;
}

/** Nobody answered, or not as an HTTP server does. */
export class OutboundFailure extends Error {
  readonly kind: OutboundFailureKind;

  constructor(kind: OutboundFailureKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'OutboundFailure';
    this.kind = kind;
  }
}

/** `forbidden-address`: a private one, see the configuration. `aborted`: by the caller's signal. */
export type OutboundFailureKind =
  | 'unreachable'
  | 'timeout'
  | 'tls'
  | 'too-large'
  | 'forbidden-address'
  | 'aborted'
  | 'not-http';
