import type { JsonObject } from './json.ts';

/**
 * A refusal that goes to whoever asked: what is wrong and what to do about it. The one table of codes and their HTTP
 * status is below; `http/error-response.ts` turns it into bytes.
 * Specification: client-server API, "Standard error response".
 */
export class MatrixError extends Error {
  readonly errcode: Errcode;
  readonly status: number;
  /** Further properties of the body, e.g. `retry_after_ms`, `soft_logout`, `room_version`. */
  readonly extra: JsonObject;

  constructor(errcode: Errcode, message: string, options: { status?: number; extra?: JsonObject } = {}) {
    super(message);
    this.name = 'MatrixError';
    this.errcode = errcode;
    this.status = options.status ?? STATUS_OF_ERRCODE[errcode];
    this.extra = options.extra ?? {};
  }
}

/** How soon who came when there was too much to do may come again, unless there is a reason for another time. */
const USUAL_RETRY_AFTER_MS = 1_000;

/** M_LIMIT_EXCEEDED, with when to try again. Specification: client-server API, "Rate limiting". */
export function limitExceeded(message: string, retryAfterMs = USUAL_RETRY_AFTER_MS): MatrixError {
  return new MatrixError('M_LIMIT_EXCEEDED', message, { extra: { retry_after_ms: retryAfterMs } });
}

/** Every errcode we answer with, and the HTTP status it has unless the endpoint says otherwise. */
const STATUS_OF_ERRCODE = {
  M_FORBIDDEN: 403,
  M_UNKNOWN_TOKEN: 401,
  M_MISSING_TOKEN: 401,
  M_USER_DEACTIVATED: 403,
  M_USER_LOCKED: 401,
  M_USER_SUSPENDED: 403,
  M_BAD_JSON: 400,
  M_NOT_JSON: 400,
  M_NOT_FOUND: 404,
  M_LIMIT_EXCEEDED: 429,
  M_UNRECOGNIZED: 404,
  M_UNKNOWN: 400,
  M_UNAUTHORIZED: 401,
  M_USER_IN_USE: 400,
  M_INVALID_USERNAME: 400,
  M_ROOM_IN_USE: 400,
  M_INVALID_ROOM_STATE: 400,
  M_UNSUPPORTED_ROOM_VERSION: 400,
  M_INCOMPATIBLE_ROOM_VERSION: 400,
  M_UNABLE_TO_AUTHORISE_JOIN: 400,
  M_UNABLE_TO_GRANT_JOIN: 400,
  M_BAD_STATE: 400,
  M_INVITE_BLOCKED: 403,
  M_THREEPID_DENIED: 403,
  M_THREEPID_MEDIUM_NOT_SUPPORTED: 400,
  M_SERVER_NOT_TRUSTED: 403,
  M_GUEST_ACCESS_FORBIDDEN: 403,
  M_MISSING_PARAM: 400,
  M_INVALID_PARAM: 400,
  M_INVALID_SIGNATURE: 400,
  M_TOO_LARGE: 413,
  M_PROFILE_TOO_LARGE: 400,
  M_KEY_TOO_LARGE: 400,
  M_EXCLUSIVE: 400,
  M_WEAK_PASSWORD: 400,
  M_BAD_ALIAS: 400,
  M_DUPLICATE_ANNOTATION: 400,
  M_WRONG_ROOM_KEYS_VERSION: 403,
  M_UNKNOWN_DEVICE: 400,
  M_UNKNOWN_POS: 400,
  M_CANNOT_LEAVE_SERVER_NOTICE_ROOM: 403,
  M_CANNOT_OVERWRITE_MEDIA: 409,
  M_NOT_YET_UPLOADED: 504,
  'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD': 400,
  'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION': 409,
  M_MAX_DELAY_EXCEEDED: 400,
  'ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED': 400,
} as const satisfies Record<string, number>;

export type Errcode = keyof typeof STATUS_OF_ERRCODE;
