import { expect, test } from 'vitest';
import { separateConflictedState } from './conflicted-state.ts';

test('a key is unconflicted where every state set has the same event there', () => {
  const one = new Map([
    ['create', '$create'],
    ['topic', '$tea'],
    ['name', '$name'],
  ]);
  const other = new Map([
    ['topic', '$coffee'],
    ['create', '$create'],
  ]);
  const { unconflicted, conflicted } = separateConflictedState([one, other, one]);
  expect([...unconflicted]).toEqual([['create', '$create']]);
  expect([...conflicted].map(([key, eventIds]) => [key, [...eventIds].sort()])).toEqual([
    ['topic', ['$coffee', '$tea']],
    ['name', ['$name']],
  ]);
});

test('no state sets have nothing, one agrees with itself', () => {
  expect(separateConflictedState([])).toEqual({ unconflicted: new Map(), conflicted: new Map() });
  const only = new Map([['topic', '$tea']]);
  expect(separateConflictedState([only])).toEqual({ unconflicted: only, conflicted: new Map() });
});
