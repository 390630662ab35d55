import { MatrixError } from '@limpet/protocol/matrix-error';

/**
 * What Fastify itself refuses, before a handler runs, in Matrix's words; `undefined` for any other error. Fastify's own
 * errors carry a `code` that starts with `FST_`.
 */
export function matrixErrorOfFastify(error: unknown): MatrixError | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new MatrixError('M_TOO_LARGE', 'The request body is larger than this endpoint takes.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new MatrixError('M_NOT_JSON', 'The request body is not as long as its Content-Length header says.');
    case 'ECONNRESET':
      return isAbortedBody(error)
        ? new MatrixError('M_UNKNOWN', 'The connection ended before the whole body had come.')
        : undefined;
    case 'FST_ERR_BAD_URL':
      return new MatrixError('M_INVALID_PARAM', 'The path is not valid percent-encoded UTF-8.');
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new MatrixError('M_INVALID_PARAM', 'A part of the path is too long.', { status: 414 });
    default:
      return undefined;
  }
}

/** A client that went away while it sent: Fastify gives what Node says of it, with the status it would answer. */
function isAbortedBody(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 400;
}
