import { utf8Length } from './identifiers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import { MatrixError } from './matrix-error.ts';

/**
 * Canonical JSON: the one text of a JSON value, which is what gets hashed and signed. Keys are in the order of their
 * Unicode code points, there is no white space, numbers are integers. Specification: appendices, "Canonical JSON".
 */

/** Deepest nesting of anything that is encoded, such as a signed request around its events. */
const MAX_ENCODED_DEPTH = 500;

/**
 * The text of the value. Its UTF-8 bytes are what is signed. Throws M_BAD_JSON on NaN (see `parseEventJson`) and on
 * nesting deeper than MAX_ENCODED_DEPTH, since requests are encoded before anything in them was checked.
 * Half a surrogate pair comes out as an escape, as from `JSON.stringify`; `checkCanonicalJson` is what refuses it.
 */
export function encodeCanonicalJson(value: JsonValue): string {
  if (typeof value !== 'object') {
    return encodeMember(value, 0);
  }
  if (isCanonicallyOrdered(value, 0)) {
    const text = JSON.stringify(value);
    if (!SURROGATE.test(text)) {
      return text;
    }
  }
  return encodeMember(value, 0);
}

/** Size of the canonical JSON in bytes of UTF-8. */
export function canonicalJsonSize(value: JsonValue): number {
  return utf8Length(encodeCanonicalJson(value));
}

/** Code point order. Differs from the order of UTF-16 units only where a surrogate pair meets U+E000..U+FFFF. */
export function compareCodePoints(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index++) {
    const leftUnit = left.charCodeAt(index);
    const rightUnit = right.charCodeAt(index);
    if (leftUnit !== rightUnit) {
      const leftIsSurrogate = isSurrogate(leftUnit);
      return leftIsSurrogate === isSurrogate(rightUnit) ? leftUnit - rightUnit : leftIsSurrogate ? 1 : -1;
    }
  }
  return left.length - right.length;
}

/**
 * Whether `JSON.stringify` would write the value canonically as it stands, which is several times faster than writing
 * it ourselves: keys in order (of UTF-16 units; the caller looks for surrogate pairs), only integers.
 */
function isCanonicallyOrdered(value: JsonValue, depth: number): boolean {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isSafeInteger(value);
  }
  if (depth >= MAX_ENCODED_DEPTH) {
    throw new MatrixError('M_BAD_JSON', `The JSON is nested deeper than ${MAX_ENCODED_DEPTH} levels.`);
  }
  if (Array.isArray(value)) {
    return value.every((member) => isCanonicallyOrdered(member, depth + 1));
  }
  let previous = '';
  for (const key in value) {
    if (key < previous || !isCanonicallyOrdered(value[key] as JsonValue, depth + 1)) {
      return false;
    }
    previous = key;
  }
  return true;
}

function encodeMember(value: JsonValue, depth: number): string {
  if (depth > MAX_ENCODED_DEPTH) {
    throw new MatrixError('M_BAD_JSON', `The JSON is nested deeper than ${MAX_ENCODED_DEPTH} levels.`);
  }
  switch (typeof value) {
    case 'string':
      return encodeString(value);
    case 'number':
      return encodeNumber(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) {
        return 'null';
      }
      return Array.isArray(value) ? encodeArray(value, depth) : encodeObject(value, depth);
    default:
      throw new Error(`Canonical JSON holds no ${typeof value}.`);
  }
}

function encodeObject(object: JsonObject, depth: number): string {
  let text = '{';
  for (const key of sortedKeys(object)) {
    const separator = text.length === 1 ? '' : ',';
    text += `${separator}${encodeString(key)}:${encodeMember(object[key] as JsonValue, depth + 1)}`;
  }
  return `${text}}`;
}

function encodeArray(array: JsonValue[], depth: number): string {
  return `[${array.map((member) => encodeMember(member, depth + 1)).join(',')}]`;
}

/** The escapes of `JSON.stringify` are those of the grammar; most strings need none, and a test is cheaper. */
function encodeString(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what has to be escaped
const NEEDS_ESCAPE = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** Old room versions may hold floats and larger integers; those are written as exactly as a double can be. */
function encodeNumber(value: number): string {
  if (Number.isSafeInteger(value)) {
    return `${value}`;
  }
  if (!Number.isFinite(value)) {
    throw new MatrixError('M_BAD_JSON', 'A number in the JSON is not written as an integer.');
  }
  return Number.isInteger(value) ? BigInt(value).toString() : `${value}`;
}

function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object);
  let isSorted = true;
  let holdsSurrogate = false;
  let previous = '';
  for (const key of keys) {
    isSorted &&= previous <= key;
    holdsSurrogate ||= SURROGATE.test(key);
    previous = key;
  }
  if (holdsSurrogate) {
    return keys.sort(compareCodePoints);
  }
  return isSorted ? keys : keys.sort();
}

const SURROGATE = /[\ud800-\udfff]/;

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
