import type { JsonValue } from '../json.ts';
import type { RoomVersion } from '../room-version.ts';

/** White space, a sign, digits, white space: how old room versions write an integer into a string. */
const WRITTEN_INTEGER = /^\s*[+-]?\d+\s*$/;

/**
 * One power level as its room version reads it; `undefined` where it is no level at all. From version 10 on only an
 * integer is one. Before, so is a string that holds an integer, and a fraction loses what stands behind its point.
 * Specification: "`m.room.power_levels` events accept values as strings", "... as floats" of room versions 1 to 9.
 */
export function powerLevelValue(value: JsonValue | undefined, version: RoomVersion): number | undefined {
  if (version.requiresIntegerPowerLevels) return Number.isSafeInteger(value) ? (value as number) : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) + 0 : undefined; // no negative zero
  if (typeof value !== 'string' || !WRITTEN_INTEGER.test(value)) return undefined;
  const written = Number(value);
  return Number.isSafeInteger(written) ? written + 0 : undefined;
}
