import { isLongerThan } from './identifiers.ts';
import type { JsonObject, JsonValue } from './json.ts';
import type { RoomVersion } from './room-version.ts';
import { ALLOWED, refused, type Verdict } from './verdict.ts';

/** Deepest nesting of an event; parsers in wide use stop at 128, and /sync wraps an event in some levels of its own. */
export const MAX_JSON_DEPTH = 100;

/**
 * Whether an event of this room version may hold the value. In every version: half surrogate pairs are refused, since
 * they have no UTF-8 and so no signature, and so is nesting deeper than MAX_JSON_DEPTH. Where the room version requires
 * canonical JSON: floats, -0 and integers outside ±(2^53 - 1) are refused too.
 */
export function checkCanonicalJson(value: JsonValue, version: Pick<RoomVersion, 'requiresCanonicalJson'>): Verdict {
  const fault = findFault(value, version.requiresCanonicalJson, 0);
  return fault === undefined ? ALLOWED : refused(`Not canonical JSON: ${fault.reason}${placeOf(fault)}.`);
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
