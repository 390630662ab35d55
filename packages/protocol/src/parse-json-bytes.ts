import { isUtf8 } from 'node:buffer';
import type { JsonValue } from './json.ts';

/**
 * Deepest nesting of a body: an event at its own limit (100), and the levels that a transaction of many wraps it in.
 */
export const MAX_BODY_DEPTH = 120;

export type ParsedJson =
  | { readonly fault?: undefined; readonly value: JsonValue; readonly text: string }
  | { readonly fault: JsonFault };

/** `too-deep`: for the recursions that follow. `half-surrogate`: no database can keep it and no signature covers it. */
export type JsonFault = 'not-utf-8' | 'not-json' | 'too-deep' | 'half-surrogate';

/**
 * JSON from outside. `parse` is `JSON.parse`, or `parseEventJson` where non-canonical numbers must show. A key
 * `__proto__` comes out as an ordinary property, as data; code that copies keys one by one has to use
 * `Object.create(null)`, a Map or `{ ...spread }`.
 */
export function parseJsonBytes(bytes: Uint8Array, parse: (text: string) => JsonValue): ParsedJson {
  if (!isUtf8(bytes)) {
    return { fault: 'not-utf-8' };
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (isDeeperThan(text, MAX_BODY_DEPTH)) {
    return { fault: 'too-deep' };
  }
  let value: JsonValue;
  try {
    value = parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) {
      return { fault: 'not-json' };
    }
    throw error;
  }
  return ESCAPED_SURROGATE.test(text) && !isWellFormed(value) ? { fault: 'half-surrogate' } : { value, text };
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
