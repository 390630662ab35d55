import { isUtf8 } from 'node:buffer';
import type { JsonValue } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';

/**
 * Deepest nesting of a request body: an event at its own limit (100), and the levels that an upload of many wraps it
 * in.
 */
export const MAX_BODY_DEPTH = 120;

/**
 * The JSON of a body, whatever its Content-Type says. Throws M_NOT_JSON for what is not JSON in UTF-8 and M_BAD_JSON
 * for what nests too deep for the recursions that follow, and for half of a surrogate pair, which no database can keep
 * and no signature covers. A key `__proto__` comes out as an ordinary property, as data; code that copies keys one by
 * one has to use `Object.create(null)`, a Map or `{ ...spread }`.
 */
export function readJsonBody(bytes: Buffer): JsonValue {
  if (!isUtf8(bytes)) {
    throw new MatrixError('M_NOT_JSON', 'The request body is not valid UTF-8.');
  }
  const text = bytes.toString('utf8');
  if (isDeeperThan(text, MAX_BODY_DEPTH)) {
    throw new MatrixError('M_BAD_JSON', `The request body nests deeper than ${MAX_BODY_DEPTH} levels.`);
  }
  const value = parse(text);
  if (ESCAPED_SURROGATE.test(text) && !isWellFormed(value)) {
    throw new MatrixError('M_BAD_JSON', 'The request body has half of a surrogate pair in a text.');
  }
  return value;
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch {
    const why =
      text.trim() === '' ? 'The request body is empty; JSON was expected.' : 'The request body is not valid JSON.';
    throw new MatrixError('M_NOT_JSON', why);
  }
}

/** Only an escape can bring half of a pair: valid UTF-8 has none. */
const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;

function isWellFormed(value: JsonValue): boolean {
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(isWellFormed);
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isWellFormed(inner));
}

/**
 * Counts brackets outside strings. On text that is not JSON the answer means nothing, and the parser refuses it
 * anyway.
 */
function isDeeperThan(text: string, limit: number): boolean {
  if (text.length <= limit) {
    return false;
  }
  let depth = 0;
  let isInString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (isInString) {
      if (code === BACKSLASH) {
        index++;
      } else if (code === QUOTE) {
        isInString = false;
      }
    } else if (code === QUOTE) {
      isInString = true;
    } else if (code === OPEN_BRACKET || code === OPEN_BRACE) {
      depth++;
      if (depth > limit) {
        return true;
      }
    } else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) {
      depth--;
    }
  }
  return false;
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
