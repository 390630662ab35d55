import { expect, test } from 'vitest';
import { ExpiringMap } from './expiring-map.ts';

function mapAt(maxEntries: number) {
  const time = { now: 0 };
  const clock = { nowMs: () => 0, monotonicMs: () => time.now };
  return { time, map: new ExpiringMap<number>({ clock, lifetimeMs: 100, maxEntries }) };
}

test('an entry dies at the end of its life, and setting it again gives it a new one', () => {
  const { time, map } = mapAt(10);
  map.set('a', 1);
  map.set('b', 2);
  time.now = 60;
  map.set('a', 3);
  time.now = 99;
  expect(map.get('b')).toBe(2);
  time.now = 100;
  expect([map.get('a'), map.get('b'), map.size]).toEqual([3, undefined, 1]);
});

test('an entry can be taken once, and not when it is dead', () => {
  const { time, map } = mapAt(10);
  map.set('a', 1);
  expect([map.take('a'), map.take('a')]).toEqual([true, false]);
  map.set('b', 2);
  time.now = 100;
  expect(map.take('b')).toBe(false);
});

test('over the limit the oldest gives way', () => {
  const { map } = mapAt(2);
  for (const key of ['a', 'b', 'c']) map.set(key, 0);
  expect([map.get('a'), map.get('b'), map.size]).toEqual([undefined, 0, 2]);
});

test('entries that are weighed give way by their weight', () => {
  const clock = { nowMs: () => 0, monotonicMs: () => 0 };
  const map = new ExpiringMap<string>({ clock, lifetimeMs: 100, maxEntries: 5, weightOf: ({ length }) => length });
  map.set('a', 'aaa');
  map.set('a', 'aa');
  map.set('b', 'bbb');
  expect([map.get('a'), map.get('b')]).toEqual(['aa', 'bbb']);
  map.set('c', 'c');
  expect([map.get('a'), map.get('b'), map.get('c')]).toEqual([undefined, 'bbb', 'c']);
  map.set('d', 'dddddd');
  expect(map.size).toBe(0);
});
