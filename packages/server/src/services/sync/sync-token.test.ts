import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatSyncToken, formatTimelineToken, parseSyncToken, parseTimelineToken } from './sync-token.ts';

const databaseTag = 'abc123';
const current = new Map([
  [1, 1_000],
  [2, 50],
]);
const parse = (text: string) => parseSyncToken(text, { databaseTag, current, parameter: 'since' });

describe('a sync token', () => {
  test('C2: comes back as it went out', () => {
    const position = fc.nat({ max: 50 });
    const cursor = fc.record({
      passed: fc.record({ effective: position, due: position }),
      delivered: fc.uniqueArray(position, { maxLength: 20 }).map((list) => list.sort((a, b) => a - b)),
    });
    const token = fc.record({
      vector: fc
        .record({ 1: fc.integer({ min: 50, max: 1_000 }), 2: position })
        .map((one) => new Map([[1, one[1]] as const, [2, one[2]] as const])),
      sticky: fc.option(cursor, { nil: undefined }),
      toDeviceUpTo: fc.option(position, { nil: undefined }),
    });
    fc.assert(
      fc.property(token, (value) => {
        expect(parse(formatSyncToken(value, databaseTag))).toEqual(value);
      }),
    );
  });

  test.each([
    ['', 'not a sync token'],
    ['s1_abc123', 'not a sync token'],
    ['s72594_4483_1934', 'not a sync token'],
    ['s2_abc123_1-5', 'not a sync token'],
    ['s1_zzz999_1-5', 'another server'],
    ['s1_abc123_1-rt', 'in the future'],
    ['s1_abc123_3-1', 'not a sync token'],
    ['s1_abc123_1-5.3-0', 'not a sync token'],
    ['s1_abc123_1-5_d6', 'not a sync token'],
    ['s1_abc123_1-5_k6.1', 'not a sync token'],
    ['s1_abc123_1-5_k1.1.3.3', 'not a sync token'],
    ['s1_abc123_1--5', 'not a sync token'],
    ['s1_abc123_1-5_', 'not a sync token'],
    ['s1_abc123_1-5_k1.2.x y', 'not a sync token'],
    ['s1_abc123_1-5_k', 'not a sync token'],
    ['s1_abc123_1-5_d1_d2', 'not a sync token'],
    ['s1_abc123_1-5_x1', 'not a sync token'],
    [`s1_abc123_${'1-5.'.repeat(4_000)}`, 'not a sync token'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => parse(text)).toThrow(why);
    expect(() => parse(text)).toThrow(expect.objectContaining({ errcode: 'M_INVALID_PARAM' }));
  });

  test('a place in a timeline comes back, below zero too', () => {
    fc.assert(
      fc.property(fc.integer({ min: -100_000 }), (index) => {
        expect(parseTimelineToken(formatTimelineToken(index, databaseTag), databaseTag)).toBe(index);
      }),
      { examples: [[0], [22], [35], [792], [-1]] },
    );
    expect(parseTimelineToken('t1_other1_5', databaseTag)).toBeUndefined();
    expect(parseTimelineToken('s1_abc123_1-5', databaseTag)).toBeUndefined();
  });
});
