import { MatrixError } from '@limpet/protocol/matrix-error';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RATE_LIMITS, type RateLimitName } from '../config/rate-limits.ts';
import { addressNetwork } from './client-address.ts';
import { createRateLimits, type RateLimits } from './rate-limits.ts';
import { type RateLimit, takeToken } from './token-bucket.ts';

describe('a token bucket', () => {
  const limit: RateLimit = { burst: 3, perSecond: 2 };

  function take(times: readonly number[]): boolean[] {
    let fullAtMs: number | undefined;
    return times.map((nowMs) => {
      const verdict = takeToken(fullAtMs, limit, nowMs);
      if (verdict.isTaken) fullAtMs = verdict.fullAtMs;
      return verdict.isTaken;
    });
  }

  test('gives a burst, then one at a time', () => {
    expect(take([0, 0, 0, 0, 499, 500, 500])).toEqual([true, true, true, false, false, true, false]);
  });

  test('is full again after a pause, and no fuller', () => {
    expect(take([0, 0, 0, 60_000, 60_000, 60_000, 60_000])).toEqual([true, true, true, true, true, true, false]);
  });

  test('says how long to wait, and that is enough', () => {
    const first = takeToken(undefined, { burst: 1, perSecond: 0.3 }, 1_000);
    const fullAtMs = first.isTaken ? first.fullAtMs : Number.NaN;
    const refused = takeToken(fullAtMs, { burst: 1, perSecond: 0.3 }, 1_001);
    const retryAfterMs = refused.isTaken ? Number.NaN : refused.retryAfterMs;
    expect(takeToken(fullAtMs, { burst: 1, perSecond: 0.3 }, 1_001 + retryAfterMs).isTaken).toBe(true);
    expect(takeToken(fullAtMs, { burst: 1, perSecond: 0.3 }, 1_001 + retryAfterMs - 2).isTaken).toBe(false);
  });

  test('never gives more than the burst and what time brings', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 60 }), (gaps) => {
        let nowMs = 0;
        const times = gaps.map((gap) => {
          nowMs += gap;
          return nowMs;
        });
        const taken = take(times).filter(Boolean).length;
        const spanMs = (times.at(-1) ?? 0) - (times[0] ?? 0);
        expect(taken).toBeLessThanOrEqual(limit.burst + Math.floor((spanMs * limit.perSecond) / 1000 + 1e-9));
      }),
    );
  });
});

describe('rate limits', () => {
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const limits = { send: { burst: 1, perSecond: 1 }, login: { burst: 1, perSecond: 1 } };

  function isTaken(rateLimits: RateLimits, name: RateLimitName, ...key: string[]): boolean {
    try {
      rateLimits.take(name, ...key);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(MatrixError);
      expect(error).toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', status: 429, extra: { retry_after_ms: 1000 } });
      return false;
    }
  }

  test('B4: count each user and room by itself, and each limit', () => {
    const rateLimits = createRateLimits({ clock, isEnabled: true, limits });
    const take = (...key: string[]) => isTaken(rateLimits, 'send', ...key);
    expect([take('@a:x', '!r:x'), take('@a:x', '!r:x')]).toEqual([true, false]);
    expect([take('@a:x', '!s:x'), take('@b:x', '!r:x')]).toEqual([true, true]);
    expect(isTaken(rateLimits, 'login', '@a:x', '!r:x')).toBe(true);
  });

  test('forget the bucket that was unused the longest', () => {
    const rateLimits = createRateLimits({ clock, isEnabled: true, limits, maxBuckets: 2 });
    const take = (key: string) => isTaken(rateLimits, 'login', key);
    expect(['a', 'b', 'b', 'c', 'b', 'a'].map(take)).toEqual([true, true, false, true, false, true]);
  });

  test('are nothing when switched off', () => {
    const rateLimits = createRateLimits({ clock, isEnabled: false, limits });
    expect([1, 2, 3].map(() => isTaken(rateLimits, 'login', 'a'))).toEqual([true, true, true]);
  });

  test('let a call with its restart every 4 s through: 100 calls of one user', () => {
    expect(RATE_LIMITS.general.perSecond).toBeGreaterThan(100 / 4);
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s counts as %s', (address, network) => {
  expect(addressNetwork(address)).toBe(network);
});
