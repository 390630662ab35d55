import { describe, expect, test } from 'vitest';
import { checkCanonicalJson, MAX_JSON_DEPTH } from './check-canonical-json.ts';
import type { JsonValue } from './json.ts';
import { parseEventJson } from './parse-event-json.ts';
import { findRoomVersion, type RoomVersion } from './room-version.ts';

const v5 = findRoomVersion('5') as RoomVersion;
const v6 = findRoomVersion('6') as RoomVersion;

describe('checkCanonicalJson', () => {
  test.each<[JsonValue, string]>([
    [{ content: { list: [0, 1.5] } }, '1.5 is not an integer at content.list.1'],
    [{ a: 2 ** 53 }, 'integer 9007199254740992 outside ±(2^53 - 1) at a'],
    [{ a: -(2 ** 53) }, 'integer -9007199254740992 outside ±(2^53 - 1) at a'],
    [JSON.parse('{"a":-0}'), 'negative zero at a'],
    [JSON.parse('{"a":9007199254740993}'), 'integer 9007199254740992 outside ±(2^53 - 1) at a'],
  ])('%j is refused since version 6 and was accepted before', (value, reason) => {
    expect(checkCanonicalJson(value, v6)).toEqual({ allowed: false, reason: `Not canonical JSON: ${reason}.` });
    expect(checkCanonicalJson(value, v5)).toEqual({ allowed: true });
  });

  test.each<[JsonValue, string]>([
    [{ a: 'x\ud800' }, 'half of a surrogate pair at a'],
    [{ 'x\udc00': 1 }, 'half of a surrogate pair in a key'],
    [nested(MAX_JSON_DEPTH + 1), 'nesting deeper than 100 levels'],
    [nested(100_000), 'nesting deeper than 100 levels'],
    [parseEventJson('{"a":1.0}'), 'a number that is not written as an integer at a'],
  ])('is refused in every version (%#)', (value, reason) => {
    for (const version of [v5, v6]) {
      const verdict = checkCanonicalJson(value, version);
      expect(verdict.allowed ? '' : verdict.reason).toContain(`Not canonical JSON: ${reason}`);
    }
  });

  test('the limits themselves are allowed', () => {
    const value = { a: 2 ** 53 - 1, b: -(2 ** 53 - 1), c: nested(MAX_JSON_DEPTH - 1), d: '😀' };
    expect(checkCanonicalJson(value, v6)).toEqual({ allowed: true });
  });
});

function nested(depth: number): JsonValue {
  let value: JsonValue = [];
  for (let level = 1; level < depth; level++) {
    value = [value];
  }
  return value;
}
