import type { KeyObject } from 'node:crypto';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';

/** Calls other homeservers: finds them, signs what is asked, knows their keys. Nobody else sends requests to them. */
export interface RemoteServers {
  /**
   * Asks another server, signed. The answer is that of a 200, parsed so that numbers which are not canonical JSON show
   * (`parse-event-json.ts`). @throws RemoteServerError for anything else.
   */
  request(destination: string, request: RemoteRequest): Promise<JsonValue>;
  readonly keys: ServerKeys;
}

/** Specification: server-server API, "Authentication". */
export interface RemoteRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** With its parameters encoded: `/_matrix/federation/v1/event/%24abc`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** An object, or the text of one that is canonical JSON already and goes out as it is. */
  readonly body?: JsonObject | string;
  /** 30 s when left out. */
  readonly timeoutMs?: number;
  /** Largest answer; 10 MiB when left out. */
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
  /**
   * Asks also a server that could not be reached a moment ago, which otherwise fails at once: for who chooses his times
   * by himself.
   */
  readonly asksAfterFailure?: boolean;
}

/** Another server did not do what it was asked. */
export class RemoteServerError extends Error {
  readonly destination: string;
  readonly kind: RemoteServerErrorKind;
  /** HTTP status and Matrix error, of `refused` alone. */
  readonly status: number | undefined;
  readonly errcode: string | undefined;
  /** The body of a refusal, `{}` when it was no JSON object: `room_version` of M_INCOMPATIBLE_ROOM_VERSION, say. */
  readonly body: JsonObject;
  /** What the server asked to wait before the next try. Milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    destination: string,
    kind: RemoteServerErrorKind,
    message: string,
    details: { status?: number; body?: JsonObject; retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = 'RemoteServerError';
    this.destination = destination;
    this.kind = kind;
    this.status = details.status;
    this.body = details.body ?? {};
    this.errcode = typeof this.body.errcode === 'string' ? this.body.errcode : undefined;
    this.retryAfterMs = details.retryAfterMs;
  }
}

/**
 * `unreachable`: no connection, no discovery, a timeout, federation switched off. `refused`: an HTTP status that is no
 * success. `bad-answer`: 200 with something else than was to come.
 */
export type RemoteServerErrorKind = 'unreachable' | 'refused' | 'bad-answer';

/** Public keys of servers, our own included: from memory, the database, the server itself, a notary. */
export interface ServerKeys {
  /** The keys wanted, in this order; `undefined` where one cannot be had or does not hold. Never throws for that. */
  find(wanted: readonly WantedKey[]): Promise<readonly (KeyObject | undefined)[]>;
}

export interface WantedKey {
  readonly serverName: string;
  /** With its algorithm, `ed25519:a1`. */
  readonly keyId: string;
  /**
   * The key has to have been valid at this time, for room versions that ask for it; `undefined` takes any key that was
   * ever published, and `'now'` only one that is valid.
   */
  readonly validAt: number | 'now' | undefined;
}
