import { describe, expect, test } from 'vitest';
import { stickyRemainingMs, stickyStartMs, stickyUntilMs } from './sticky-lifetime.ts';

const durationMs = 300_000;

describe('A2: from when until when', () => {
  test('an event that travelled for a while counts from its origin', () => {
    const lifetime = { originServerTs: 1_000_000, receivedTs: 1_004_000, durationMs };
    expect(stickyStartMs(lifetime)).toBe(1_000_000);
    expect(stickyUntilMs(lifetime)).toBe(1_300_000);
  });

  test('a timestamp from the future is held down to the receipt', () => {
    const lifetime = { originServerTs: 9_000_000, receivedTs: 1_000_000, durationMs };
    expect(stickyStartMs(lifetime)).toBe(1_000_000);
    expect(stickyUntilMs(lifetime)).toBe(1_300_000);
  });

  test('no duration is longer than an hour', () => {
    expect(stickyUntilMs({ originServerTs: 5, receivedTs: 5, durationMs: 9_000_000 })).toBe(3_600_005);
  });

  test('the event is sticky while its end is in the future: not at the end itself', () => {
    const lifetime = { originServerTs: 1_000_000, receivedTs: 1_000_000, durationMs };
    expect(stickyRemainingMs(lifetime, 1_299_999)).toBe(1);
    expect(stickyRemainingMs(lifetime, 1_300_000)).toBe(0);
    expect(stickyRemainingMs(lifetime, 9_999_999)).toBe(0);
  });

  test('a timestamp far in the past makes an event that has expired on arrival', () => {
    expect(stickyRemainingMs({ originServerTs: 0, receivedTs: 1_000_000, durationMs }, 1_000_000)).toBe(0);
  });
});
