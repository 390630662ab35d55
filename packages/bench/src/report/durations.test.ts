import { describe, expect, test } from 'vitest';
import { Durations } from './durations.ts';
import { percentile } from './percentile.ts';

describe('percentiles', () => {
  test('are by nearest rank', () => {
    const ten = Float64Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect([0, 0.1, 0.5, 0.51, 0.99, 1].map((share) => percentile(ten, share))).toEqual([1, 1, 5, 6, 10, 10]);
  });

  test('of nothing are no number', () => {
    expect(percentile(new Float64Array(), 0.5)).toBeNaN();
  });

  test('hold whatever the order, and beyond the first capacity', () => {
    const durations = new Durations();
    for (let duration = 50_000; duration >= 1; duration--) durations.add(duration);
    expect(durations.count).toBe(50_000);
    expect(durations.percentiles(0.5, 0.99, 1)).toEqual([25_000, 49_500, 50_000]);
  });
});
