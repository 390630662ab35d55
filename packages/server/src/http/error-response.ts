import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Log } from '../platform/log.ts';
import { StaleBatch, StorageFailure } from '../storage/storage.ts';
import { matrixErrorOfFastify } from './fastify-error.ts';

/** How soon a client may come back after the database failed us. */
const STORAGE_RETRY_AFTER_MS = 5_000;

export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/**
 * The one place where an error gets a status. A MatrixError says it itself; a database that cannot is 503, come back;
 * all else is our bug: 500, and a loud line in the log under the request ID that the body names too.
 */
export function errorResponse(error: unknown, requestId: string, log: Log): ErrorResponse {
  const refusal = error instanceof MatrixError ? error : matrixErrorOfFastify(error);
  if (refusal !== undefined) {
    return responseOf(refusal);
  }
  if (error instanceof StorageFailure || error instanceof StaleBatch) {
    log.error('The database failed a request', { requestId, error });
    const text = `The server cannot reach its database just now (request ${requestId}). Try again in a moment.`;
    return responseOf(
      new MatrixError('M_UNKNOWN', text, { status: 503, extra: { retry_after_ms: STORAGE_RETRY_AFTER_MS } }),
    );
  }
  log.error('A request met a bug', { requestId, error });
  const text = `The server made a mistake (request ${requestId}). Its log has the details.`;
  return responseOf(new MatrixError('M_UNKNOWN', text, { status: 500 }));
}

function responseOf(error: MatrixError): ErrorResponse {
  const body = { errcode: error.errcode, error: error.message, ...error.extra };
  return { status: error.status, headers: headersOfError(error), body };
}

/** When to come again, where the error says so. Specification: client-server API, "Rate limiting". */
export function headersOfError({ extra }: MatrixError): Readonly<Record<string, string>> {
  const { retry_after_ms: retryAfterMs } = extra;
  return typeof retryAfterMs === 'number' ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {};
}
