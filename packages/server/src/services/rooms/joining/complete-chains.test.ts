import { describe, expect, test } from 'vitest';
import type { ReceivedEvent } from '../received-event.ts';
import { missingAuthEvents, withCompleteChains } from './complete-chains.ts';

function events(authEvents: Readonly<Record<string, readonly string[]>>): Map<string, ReceivedEvent> {
  return new Map(
    Object.entries(authEvents).map(([eventId, named]) => {
      return [eventId, { pdu: { eventId, authEvents: named } } as unknown as ReceivedEvent];
    }),
  );
}

const never = () => false;

describe('auth chains', () => {
  test('are whole where all of them is there, however often an event is named', () => {
    const all = events({ $d: ['$b', '$c', '$c'], $c: ['$a'], $b: ['$a'], $a: [] });
    const order = [...withCompleteChains(all, never).keys()];
    expect(order).toHaveLength(4);
    expect(order.indexOf('$a')).toBe(0);
    expect(order.indexOf('$d')).toBe(3);
  });

  test('that lack something are left out, and all that rests on them', () => {
    const all = events({ $c: ['$b'], $b: ['$gone'], $a: [] });
    expect([...withCompleteChains(all, never).keys()]).toEqual(['$a']);
    expect(missingAuthEvents(all, never)).toEqual(['$gone']);
    expect([...withCompleteChains(all, (eventId) => eventId === '$gone').keys()].sort()).toEqual(['$a', '$b', '$c']);
  });

  test('in a circle are left out (H3)', () => {
    expect([...withCompleteChains(events({ $a: ['$b'], $b: ['$a'], $c: ['$c'], $d: [] }), never).keys()]).toEqual([
      '$d',
    ]);
  });

  test('may be as long as an answer is large (H3)', () => {
    const length = 200_000;
    const entries = Array.from({ length }, (_, index) => [`$${index}`, index === 0 ? [] : [`$${index - 1}`]] as const);
    expect(withCompleteChains(events(Object.fromEntries(entries)), never).size).toBe(length);
  });
});
