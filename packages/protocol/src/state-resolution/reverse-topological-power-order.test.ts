import { expect, test } from 'vitest';
import { reverseTopologicalPowerOrder } from './reverse-topological-power-order.ts';
import { graphOf, idsOf } from './tests/random-rooms.ts';
import { roomVersion } from './tests/story.ts';

const version = roomVersion('11');

test('auth events go before what cites them, and only then does power count', () => {
  const edges = { create: [], weak: ['create'], strong: ['weak'], stronger: ['create'] };
  const levels = { create: 0, weak: 1, strong: 100, stronger: 50 };
  expect(order(edges, levels)).toEqual(idsOf('create', 'stronger', 'weak', 'strong'));
});

test('of equal power the earlier one goes first, and a creator before every number', () => {
  const edges = { b: [], a: [], creator: [] };
  const levels = { b: 100, a: 100, creator: Number.POSITIVE_INFINITY };
  expect(order(edges, levels)).toEqual(idsOf('creator', 'b', 'a'));
  const creators = { b: Number.POSITIVE_INFINITY, a: Number.POSITIVE_INFINITY, creator: Number.POSITIVE_INFINITY };
  expect(order(edges, creators)).toEqual(idsOf('b', 'a', 'creator'));
});

test('auth events outside the set do not bind', () => {
  const events = graphOf({ old: [], between: ['old'], new: ['between'] }, version);
  const level = ({ eventId }: { eventId: string }) => (eventId.includes('new') ? 2 : 1);
  expect(reverseTopologicalPowerOrder(new Set(idsOf('old', 'new')), events, level)).toEqual(idsOf('new', 'old'));
});

test('an auth event cited twice binds once', () => {
  expect(order({ create: [], power: ['create', 'create'] }, {})).toEqual(idsOf('create', 'power'));
});

test('events on a ring, and what rests on them, have no place', () => {
  const edges = { create: [], a: ['b', 'create'], b: ['a'], after: ['a'], free: ['create'] };
  expect(order(edges, {})).toEqual(idsOf('create', 'free'));
});

/** Events have the place in the list as their time. */
function order(edges: Record<string, string[]>, levels: Record<string, number>): string[] {
  const events = graphOf(edges, version);
  const levelOf = new Map(Object.entries(levels).map(([id, level]) => [idsOf(id)[0], level]));
  return reverseTopologicalPowerOrder(new Set(events.keys()), events, ({ eventId }) => levelOf.get(eventId) ?? 0);
}
