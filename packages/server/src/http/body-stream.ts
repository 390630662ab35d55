import type { Readable } from 'node:stream';
import { MatrixError } from '@limpet/protocol/matrix-error';

/**
 * A body as it comes, piece by piece, so that a large one is never in memory as a whole. Ends with M_TOO_LARGE at the
 * first byte beyond the limit, or before the first one where its length says so already.
 */
export async function* bodyStream(
  body: Readable | undefined,
  declaredLength: string | undefined,
  limitBytes: number,
): AsyncGenerator<Uint8Array> {
  if (declaredLength !== undefined && Number(declaredLength) > limitBytes) throw tooLarge(limitBytes);
  let size = 0;
  for await (const piece of piecesOf(body)) {
    size += piece.length;
    if (size > limitBytes) throw tooLarge(limitBytes);
    yield piece;
  }
  if (declaredLength !== undefined && Number(declaredLength) !== size) throw cutOff();
}

/** Reads without ending the stream: when nobody reads on, the connection has to live for the answer. */
async function* piecesOf(body: Readable | undefined): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  try {
    yield* body.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    // The client went away: nobody reads the answer, and it is no fault of ours.
    throw error instanceof Error && 'code' in error ? cutOff() : error;
  }
}

function tooLarge(limitBytes: number): MatrixError {
  return new MatrixError('M_TOO_LARGE', `An upload may have ${limitBytes} bytes at most.`);
}

function cutOff(): MatrixError {
  return new MatrixError('M_UNKNOWN', 'The connection ended before the whole body had come.');
}
