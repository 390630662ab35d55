import { isLongerThan, utf8Length } from './identifiers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { RoomVersion } from './room-version.ts';
import { ALLOWED, refused, type Verdict } from './verdict.ts';

/**
 * Canonical JSON: the one text of a JSON value, which is what gets hashed and signed. Keys are in the order of their
 * Unicode code points, there is no white space, numbers are integers. Specification: appendices, "Canonical JSON".
 */

/** Deepest nesting of an event; parsers in wide use stop at 128, and /sync wraps an event in some levels of its own. */
export const MAX_JSON_DEPTH = 100;

/**
 * The text of the value. Its UTF-8 bytes are what is signed. Throws on what is not JSON at all: that is our bug.
 * Half a surrogate pair comes out as an escape, as from `JSON.stringify`; `checkCanonicalJson` is what refuses it.
 */
export function encodeCanonicalJson(value: JsonValue): string {
  if (isCanonicallyOrdered(value)) {
    const text = JSON.stringify(value);
    if (!SURROGATE.test(text)) {
      return text;
    }
  }
  return encodeMember(value);
}

/** Size of the canonical JSON in bytes of UTF-8. */
export function canonicalJsonSize(value: JsonValue): number {
  return utf8Length(encodeCanonicalJson(value));
}

/**
 * Whether an event of this room version may hold the value. In every version: half surrogate pairs are refused, since
 * they have no UTF-8 and so no signature, and so is nesting deeper than MAX_JSON_DEPTH. Where the room version requires
 * canonical JSON: floats, -0 and integers outside ±(2^53 - 1) are refused too.
 */
export function checkCanonicalJson(value: JsonValue, version: RoomVersion): Verdict {
  const fault = findFault(value, version.requiresCanonicalJson, 0);
  return fault === undefined ? ALLOWED : refused(`Not canonical JSON: ${fault.reason}${placeOf(fault)}.`);
}

/**
 * `JSON.parse` that does not hide a non-canonical number: `1.0` or `1e2`, which would come out as the integers 1 and
 * 100, come out as NaN, for `checkCanonicalJson` to refuse. For JSON that holds events of other servers; elsewhere
 * (tag orders, account data) floats are fine and `JSON.parse` is right. Throws SyntaxError. The last of repeated keys wins.
 */
export function parseEventJson(text: string): JsonValue {
  return mayHoldNonInteger(text) ? JSON.parse(text, exposeNonInteger) : JSON.parse(text);
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
function isCanonicallyOrdered(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) {
    return typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isSafeInteger(value);
  }
  if (Array.isArray(value)) {
    return value.every(isCanonicallyOrdered);
  }
  let previous = '';
  for (const key in value) {
    if (key < previous || !isCanonicallyOrdered(value[key] as JsonValue)) {
      return false;
    }
    previous = key;
  }
  return true;
}

function encodeMember(value: JsonValue): string {
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
      return Array.isArray(value) ? encodeArray(value) : encodeObject(value);
    default:
      throw new Error(`Canonical JSON holds no ${typeof value}.`);
  }
}

function encodeObject(object: JsonObject): string {
  let text = '{';
  for (const key of sortedKeys(object)) {
    const separator = text.length === 1 ? '' : ',';
    text += `${separator}${encodeString(key)}:${encodeMember(object[key] as JsonValue)}`;
  }
  return `${text}}`;
}

function encodeArray(array: JsonValue[]): string {
  let text = '[';
  for (let index = 0; index < array.length; index++) {
    text += (index === 0 ? '' : ',') + encodeMember(array[index] as JsonValue);
  }
  return `${text}]`;
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
    throw new Error(`Canonical JSON holds no ${value}.`);
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

/** What is wrong, and the keys that lead there, innermost first. */
interface Fault {
  readonly reason: string;
  readonly path: string[];
}

function findFault(value: JsonValue, requiresIntegers: boolean, depth: number): Fault | undefined {
  if (typeof value === 'string') {
    return value.isWellFormed() ? undefined : fault('half of a surrogate pair');
  }
  if (typeof value === 'number') {
    return numberFault(value, requiresIntegers);
  }
  if (typeof value !== 'object' || value === null) {
    return undefined;
  }
  if (depth >= MAX_JSON_DEPTH) {
    return fault(`nesting deeper than ${MAX_JSON_DEPTH} levels`);
  }
  return Array.isArray(value)
    ? findFaultInArray(value, requiresIntegers, depth + 1)
    : findFaultInObject(value, requiresIntegers, depth + 1);
}

function findFaultInArray(array: JsonValue[], requiresIntegers: boolean, depth: number): Fault | undefined {
  for (let index = 0; index < array.length; index++) {
    const found = findFault(array[index] as JsonValue, requiresIntegers, depth);
    if (found !== undefined) {
      found.path.push(`${index}`);
      return found;
    }
  }
  return undefined;
}

function findFaultInObject(object: JsonObject, requiresIntegers: boolean, depth: number): Fault | undefined {
  for (const key of Object.keys(object)) {
    const found = key.isWellFormed()
      ? findFault(object[key] as JsonValue, requiresIntegers, depth)
      : fault('half of a surrogate pair in a key');
    if (found !== undefined) {
      found.path.push(key);
      return found;
    }
  }
  return undefined;
}

function numberFault(value: number, requiresIntegers: boolean): Fault | undefined {
  if (!Number.isFinite(value)) {
    return fault('a number that is not written as an integer');
  }
  if (!requiresIntegers) {
    return undefined;
  }
  if (Object.is(value, -0)) {
    return fault('negative zero');
  }
  if (Number.isSafeInteger(value)) {
    return undefined;
  }
  return fault(Number.isInteger(value) ? `integer ${value} outside ±(2^53 - 1)` : `${value} is not an integer`);
}

function fault(reason: string): Fault {
  return { reason, path: [] };
}

/** Names the place, unless a hostile event makes its name too long to be worth reading. */
function placeOf({ path }: Fault): string {
  const place = path.toReversed().join('.');
  return place === '' || isLongerThan(place, 200) || !place.isWellFormed() ? '' : ` at ${place}`;
}

/** Whether some number has a fraction or an exponent. Text that merely looks like it, inside strings, is skipped. */
function mayHoldNonInteger(text: string): boolean {
  if (!/[0-9][.eE]/.test(text)) {
    return false;
  }
  let index = 0;
  for (;;) {
    const quote = text.indexOf('"', index);
    const between = quote === -1 ? text.slice(index) : text.slice(index, quote);
    if (/[0-9][.eE]/.test(between)) {
      return true;
    }
    if (quote === -1) {
      return false;
    }
    index = endOfString(text, quote);
  }
}

/** The index after the closing quote of the string that opens here; the end of the text where it never closes. */
function endOfString(text: string, openingQuote: number): number {
  let index = openingQuote + 1;
  for (;;) {
    const quote = text.indexOf('"', index);
    if (quote === -1) {
      return text.length;
    }
    let backslash = quote - 1;
    while (backslash > openingQuote && text.charCodeAt(backslash) === 0x5c) {
      backslash--;
    }
    if ((quote - 1 - backslash) % 2 === 0) {
      return quote + 1;
    }
    index = quote + 1;
  }
}

function exposeNonInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  return Number.isSafeInteger(value) && /[.eE]/.test(context?.source ?? '') ? Number.NaN : value;
}
