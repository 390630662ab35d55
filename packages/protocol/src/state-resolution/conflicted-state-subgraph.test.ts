import { expect, test } from 'vitest';
import { conflictedStateSubgraph } from './conflicted-state-subgraph.ts';
import { graphOf, idsOf } from './tests/random-rooms.ts';
import { roomVersion } from './tests/story.ts';

const version = roomVersion('12');

test('it has every event on a path between two conflicted ones, both ends, and nothing above or below', () => {
  const edges = {
    create: [],
    old: ['create'],
    a: ['old'],
    b: ['a'],
    side: ['old', 'create'],
    new: ['b', 'side', 'create'],
    later: ['new'],
    dead: ['create'],
  };
  expect(subgraph(edges, 'old', 'new')).toEqual(idsOf('a', 'b', 'new', 'old', 'side'));
});

test('conflicted events with no path between them are all there is', () => {
  const edges = { create: [], power: ['create'], left: ['power'], right: ['power'] };
  expect(subgraph(edges, 'left', 'right')).toEqual(idsOf('left', 'right'));
});

test('a ring of auth events ends', () => {
  expect(subgraph({ a: ['b'], b: ['c'], c: ['a'] }, 'a', 'b')).toEqual(idsOf('a', 'b', 'c'));
});

function subgraph(edges: Record<string, string[]>, ...conflicted: string[]): string[] {
  return [...conflictedStateSubgraph(new Set(idsOf(...conflicted)), graphOf(edges, version))].sort();
}
