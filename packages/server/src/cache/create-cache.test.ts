import { expect, test } from 'vitest';
import { createCache } from './create-cache.ts';

test('the least recently used goes first when there are too many', () => {
  const cache = createCache<string, number>(3);
  for (const [index, name] of ['a', 'b', 'c'].entries()) cache.set(name, index);
  cache.get('a');
  cache.set('d', 3);
  expect([...cache.keys()].sort()).toEqual(['a', 'c', 'd']);
  expect(cache.size).toBe(3);
});

test('an empty cache takes no room for what may come', () => {
  const before = process.memoryUsage().arrayBuffers;
  const cache = createCache<number, number>(4_000_000);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
  expect(cache.size).toBe(0);
});
