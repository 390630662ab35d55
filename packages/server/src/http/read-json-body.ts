import type { JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type JsonFault, MAX_BODY_DEPTH, parseJsonBytes } from '@limpet/protocol/parse-json-bytes';

/**
 * The JSON of a body, whatever its Content-Type says. Throws M_NOT_JSON for what is not JSON in UTF-8 and M_BAD_JSON
 * for what nests too deep or has half of a surrogate pair, see `parse-json-bytes.ts`.
 */
export function readJsonBody(bytes: Buffer, parse: (text: string) => JsonValue = JSON.parse): JsonValue {
  const parsed = parseJsonBytes(bytes, parse);
  if (parsed.fault === undefined) {
    return parsed.value;
  }
  throw parsed.fault === 'not-json' && isBlank(bytes) ? EMPTY() : REFUSALS[parsed.fault]();
}

function isBlank(bytes: Buffer): boolean {
  return bytes.toString('utf8').trim() === '';
}

const EMPTY = () => new MatrixError('M_NOT_JSON', 'The request body is empty; JSON was expected.');

const REFUSALS: Readonly<Record<JsonFault, () => MatrixError>> = {
  'not-utf-8': () => new MatrixError('M_NOT_JSON', 'The request body is not valid UTF-8.'),
  'not-json': () => new MatrixError('M_NOT_JSON', 'The request body is not valid JSON.'),
  'too-deep': () => new MatrixError('M_BAD_JSON', `The request body nests deeper than ${MAX_BODY_DEPTH} levels.`),
  'half-surrogate': () => new MatrixError('M_BAD_JSON', 'The request body has half of a surrogate pair in a text.'),
};
