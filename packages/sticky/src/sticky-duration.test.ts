import { describe, expect, test } from 'vitest';
import { announcedRemainingMs, MAX_STICKY_DURATION_MS, stickyDurationMs } from './sticky-duration.ts';

describe('A1: which events are sticky, and for how long', () => {
  test.each(['sticky', 'msc4354_sticky'])('reads the field under the name %s', (name) => {
    expect(stickyDurationMs({ [name]: { duration_ms: 600_000 } })).toBe(600_000);
  });

  test('the bounds are 0 and the cap, and what is above counts as the cap', () => {
    expect(MAX_STICKY_DURATION_MS).toBe(3_600_000);
    expect(stickyDurationMs({ sticky: { duration_ms: 0 } })).toBe(0);
    expect(stickyDurationMs({ sticky: { duration_ms: 3_600_000 } })).toBe(3_600_000);
    expect(stickyDurationMs({ sticky: { duration_ms: 3_600_001 } })).toBe(3_600_000);
    expect(stickyDurationMs({ sticky: { duration_ms: 1e300 } })).toBe(3_600_000);
  });

  test.each([
    ['no field', {}],
    ['no duration', { sticky: {} }],
    ['a string', { sticky: { duration_ms: '600000' } }],
    ['a float', { sticky: { duration_ms: 0.5 } }],
    ['a negative', { sticky: { duration_ms: -1 } }],
    ['null', { sticky: { duration_ms: null } }],
    ['infinity, which JSON.parse makes of 1e999', JSON.parse('{"sticky":{"duration_ms":1e999}}')],
    ['a boolean', { sticky: { duration_ms: true } }],
    ['a field that is a number', { sticky: 600_000 }],
    ['a field that is null', { sticky: null }],
    ['a field that is an array', { sticky: [{ duration_ms: 1 }] }],
    ['a key in content only', { content: { sticky: { duration_ms: 1 } } }],
    ['an inherited field', Object.create({ sticky: { duration_ms: 1 } })],
    ['no object at all', 'sticky'],
    ['nothing', undefined],
  ])('%s makes an ordinary event', (_what, event) => {
    expect(stickyDurationMs(event)).toBeUndefined();
  });

  test('with both names the valid one counts, the stable one first', () => {
    expect(stickyDurationMs({ sticky: { duration_ms: 1 }, msc4354_sticky: { duration_ms: 2 } })).toBe(1);
    expect(stickyDurationMs({ sticky: { duration_ms: 'x' }, msc4354_sticky: { duration_ms: 2 } })).toBe(2);
  });

  test('A3: an event that redaction stripped of the field is an ordinary one', () => {
    const event = { type: 'm.rtc.member', content: { sticky_key: 'a' }, msc4354_sticky: { duration_ms: 1 } };
    const { msc4354_sticky: _lost, ...redacted } = { ...event, content: {} };
    expect(stickyDurationMs(event)).toBe(1);
    expect(stickyDurationMs(redacted)).toBeUndefined();
  });
});

describe('C8: what the server says is left', () => {
  test.each(['sticky_duration_remaining_ms', 'msc4354_sticky_duration_ttl_ms'])('reads %s', (name) => {
    expect(announcedRemainingMs({ unsigned: { [name]: 258_113 } })).toBe(258_113);
    expect(announcedRemainingMs({ unsigned: { [name]: -5 } })).toBe(0);
  });

  test.each([[{}], [{ unsigned: null }], [{ unsigned: { sticky_duration_remaining_ms: '5' } }]])(
    'nothing is said by %j',
    (event) => {
      expect(announcedRemainingMs(event)).toBeUndefined();
    },
  );
});
