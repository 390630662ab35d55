import { expect, test } from 'vitest';
import type { Pdu } from '../pdu.ts';
import { authDifference } from './auth-difference.ts';
import { separateConflictedState } from './conflicted-state.ts';
import { graphOf, idsOf } from './tests/random-rooms.ts';
import { roomVersion, stateOf } from './tests/story.ts';

const events = graphOf(
  {
    create: [],
    power: ['create'],
    'power-2': ['power'],
    'power-3': ['power-2'],
    left: ['power'],
    right: ['power-3'],
    common: ['power'],
    late: ['power-3'],
  },
  roomVersion('11'),
);

test('it is what some state sets have in their auth chains and others do not', () => {
  expect(difference(['left'], ['right'])).toEqual(idsOf('power-2', 'power-3'));
  expect(difference(['left'], ['left'], ['right'])).toEqual(idsOf('power-2', 'power-3'));
  expect(difference(['right'], ['right', 'late'])).toEqual([]);
});

test('what rests on an unconflicted event is common to all state sets', () => {
  expect(difference(['late', 'left'], ['late', 'right'])).toEqual([]);
  expect(difference(['common', 'left'], ['common', 'right'])).toEqual(idsOf('power-2', 'power-3'));
});

test('standing in a state set is not being in its auth chain', () => {
  expect(difference(['power-3', 'left'], ['power-3', 'right'])).toEqual(idsOf('power-3'));
});

function difference(...sets: string[][]): string[] {
  const stateSets = sets.map((ids) => stateOf(ids, events satisfies Map<string, Pdu>));
  return [...authDifference(stateSets, separateConflictedState(stateSets), events)].sort();
}
