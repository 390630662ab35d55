import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJsonSize, compareCodePoints, encodeCanonicalJson } from './canonical-json.ts';
import type { JsonValue } from './json.ts';

/** The examples of the specification: what is given, what must come out. */
const EXAMPLES: [string, string][] = [
  ['{}', '{}'],
  ['{"one": 1, "two": "Two"}', '{"one":1,"two":"Two"}'],
  ['{"b": "2", "a": "1"}', '{"a":"1","b":"2"}'],
  [
    `{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[
      {"medium":"email","address":"john.doe@example.org"},{"medium":"msisdn","address":"123456789"}]}}}`,
    '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe","three_pids":[' +
      '{"address":"john.doe@example.org","medium":"email"},{"address":"123456789","medium":"msisdn"}]},' +
      '"success":true}}',
  ],
  ['{"a": "日本語"}', '{"a":"日本語"}'],
  ['{"本": 2, "日": 1}', '{"日":1,"本":2}'],
  ['{"a": "\\u65E5"}', '{"a":"日"}'],
  ['{"a": null}', '{"a":null}'],
  ['{"a": -0, "b": 1e10}', '{"a":0,"b":10000000000}'],
];

describe('encodeCanonicalJson', () => {
  test.each(EXAMPLES)('writes the example %s', (given, expected) => {
    expect(encodeCanonicalJson(JSON.parse(given))).toBe(expected);
  });

  test.each<[string, JsonValue, string]>([
    ['puts U+FFFD before a character outside the basic plane', { '😀': 1, '\ufffd': 2 }, '{"\ufffd":2,"😀":1}'],
    ['puts "10" before "2", and "!" before both', { '2': 1, '10': 2, '!': 3 }, '{"!":3,"10":2,"2":1}'],
    [
      'escapes only what must be',
      '\u0000\b\t\n\u000b\f\r\u001f"\\/\u007f\u2028é',
      '"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\\"\\\\/\u007f\u2028é"',
    ],
    ['keeps a key called __proto__', JSON.parse('{"b":{},"__proto__":{"a":1}}'), '{"__proto__":{"a":1},"b":{}}'],
    [
      'keeps the digits of a large integer that a double can hold',
      { b: 2 ** 60, a: 1.5 },
      '{"a":1.5,"b":1152921504606846976}',
    ],
  ])('%s', (_story, value, expected) => {
    expect(encodeCanonicalJson(value)).toBe(expected);
  });

  test('refuses what has no text', () => {
    expect(() => encodeCanonicalJson({ a: Number.NaN })).toThrow('not written as an integer');
    expect(() => encodeCanonicalJson(nested(501))).toThrow('nested deeper than 500 levels');
    expect(() => encodeCanonicalJson({ b: 1, a: nested(100_000) })).toThrow('nested deeper than 500 levels');
    expect(() => encodeCanonicalJson({ a: undefined } as unknown as JsonValue)).toThrow('holds no undefined');
  });

  test('round-trips, and the text does not depend on the order of keys', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = encodeCanonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(encodeCanonicalJson(JSON.parse(text))).toBe(text);
        expect(encodeCanonicalJson(withKeysReversed(value))).toBe(text);
        expect(canonicalJsonSize(value)).toBe(Buffer.from(text).byteLength);
      }),
    );
  });

  test('orders keys as an array of code points would', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (left, right) => {
        const [a, b] = [left, right].map((text) => Buffer.from(text, 'utf8'));
        expect(Math.sign(compareCodePoints(left, right))).toBe(Buffer.compare(a ?? Buffer.of(), b ?? Buffer.of()));
      }),
    );
  });
});

const key = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 4 }), fc.nat(20).map(String), fc.constant('__proto__'));

/** JSON as a parser makes it, keys like numbers and `__proto__` included. */
const anyJson: fc.Arbitrary<JsonValue> = fc
  .letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), fc.constant(null)),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.array(fc.tuple(key, tie('value')), { maxLength: 5 }).map((entries) => Object.fromEntries(entries)),
    ),
  }))
  .value.map((value) => JSON.parse(JSON.stringify(value)));

function withKeysReversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) {
    return value.map(withKeysReversed);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  const entries = Object.entries(value).reverse();
  return Object.fromEntries(entries.map(([name, member]) => [name, withKeysReversed(member)]));
}

function nested(depth: number): JsonValue {
  let value: JsonValue = [];
  for (let level = 1; level < depth; level++) {
    value = [value];
  }
  return value;
}
