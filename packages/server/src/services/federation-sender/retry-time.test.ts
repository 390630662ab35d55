import { expect, test } from 'vitest';
import { MAX_RETRY_MS, retryAtMs } from './retry-time.ts';

const delays = (chance: number) =>
  Array.from({ length: 14 }, (_, index) => retryAtMs({ failures: index + 1, chance, retryAfterMs: undefined }, 0));

test('the first retry comes after seconds, each further one later, none after more than an hour', () => {
  const longest = delays(0);
  expect(longest.slice(0, 4)).toEqual([4_000, 8_000, 16_000, 32_000]);
  expect(longest.at(-1)).toBe(MAX_RETRY_MS);
  expect(MAX_RETRY_MS).toBe(3_600_000);
  expect(retryAtMs({ failures: 5_000, chance: 0, retryAfterMs: undefined }, 0)).toBe(MAX_RETRY_MS);
});

test('chance spreads them over half of the time', () => {
  expect(delays(1)).toEqual(delays(0).map((delay) => delay / 2));
  expect(new Set([0, 0.3, 0.6, 0.9].map((chance) => delays(chance)[0])).size).toBe(4);
});

test('what the server asks for is heeded, within bounds', () => {
  const asked = (retryAfterMs: number, chance = 0) => retryAtMs({ failures: 9, chance, retryAfterMs }, 0);
  expect(asked(20_000)).toBe(20_000);
  expect(asked(20_000, 1)).toBe(22_000);
  expect(asked(0)).toBe(1_000);
  expect(asked(365 * 86_400_000, 1)).toBe(MAX_RETRY_MS);
});
