import { MatrixError } from '@limpet/protocol/matrix-error';
import type { StreamVector } from '../../storage/stream.ts';

/** Writers that a text may name. */
const MAX_WRITERS = 100;

/** A place in the stream as an opaque token: `writer-position`, one of each writer. */
export function streamText(vector: StreamVector): string {
  return [...vector].map(([writer, position]) => `${writer}-${position}`).join('.');
}

/** Throws M_INVALID_PARAM for what `streamText` did not write. */
export function parseStreamText(text: string): StreamVector {
  const parts = text === '' ? [] : text.split('.', MAX_WRITERS + 1);
  const places = parts.map((part) => /^(\d{1,9})-(\d{1,15})$/.exec(part));
  if (parts.length > MAX_WRITERS || places.includes(null)) {
    throw new MatrixError('M_INVALID_PARAM', 'This is no token that was given by this endpoint. Begin without one.');
  }
  return new Map(places.map((place) => [Number(place?.[1]), Number(place?.[2])]));
}
