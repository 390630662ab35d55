import { describe, expect, test } from 'vitest';
import { checkCanonicalJson } from './check-canonical-json.ts';
import { parseEventJson } from './parse-event-json.ts';
import { findRoomVersion, type RoomVersion } from './room-version.ts';

const v6 = findRoomVersion('6') as RoomVersion;

describe('parseEventJson', () => {
  test.each(['1.0', '1e2', '-1E+2', '9007199254740990.9', '-0.0'])(
    'the number %s does not pass for an integer',
    (source) => {
      for (const text of [source, `{"a":[${source}]}`, `{"x":"\\\\","a":[${source}]}`]) {
        expect(checkCanonicalJson(parseEventJson(text), v6).allowed).toBe(false);
      }
    },
  );

  test.each(['{"a":"1.0"}', '{"a":"\\"1e2\\\\"}', '{"1.5":[1,-2,0]}', '"1.0 \\" 2.0"'])('%s is plain JSON', (text) => {
    expect(parseEventJson(text)).toEqual(JSON.parse(text));
    expect(checkCanonicalJson(parseEventJson(text), v6)).toEqual({ allowed: true });
  });

  test('the last of repeated keys wins, and what is no JSON is a SyntaxError', () => {
    expect(parseEventJson('{"a":1,"a":2}')).toEqual({ a: 2 });
    expect(() => parseEventJson('{"a":1.5')).toThrow(SyntaxError);
    expect(() => parseEventJson('{"a":1.5, "b')).toThrow(SyntaxError);
  });
});
