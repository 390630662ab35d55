import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { eventTypeMatches } from './event-type-matches.ts';

describe('a pattern for event types', () => {
  test.each([
    ['m.room.message', 'm.room.message', true],
    ['m.room.message', 'm.room.messages', false],
    ['m.room.*', 'm.room.message', true],
    ['m.room.*', 'm.room.', true],
    ['m.room.*', 'm.roo', false],
    ['*', '', true],
    ['**', 'anything', true],
    ['*.message', 'm.room.message', true],
    ['m.*.message', 'm.message', false],
    ['a*a', 'a', false],
    ['a*ab*b', 'aabab', true],
    ['a*ab*b', 'aab', false],
    ['m.room.m.ssage', 'm.room.message', false],
    ['', '', true],
    ['', 'm', false],
  ])('%j on %j: %j', (pattern, type, expected) => {
    expect(eventTypeMatches(pattern, type)).toBe(expected);
  });

  test('agrees with the definition by trying everything', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 8 });
    fc.assert(fc.property(pattern, text, (p, t) => eventTypeMatches(p, t) === matchesByDefinition(p, t)));
  });

  test('a pattern that makes backtracking explode is answered at once', () => {
    // 2^100 ways to lay it out; were they tried, this test would never end.
    expect(eventTypeMatches('*a'.repeat(100), `${'a'.repeat(200)}b`)).toBe(false);
  });
});

function matchesByDefinition(pattern: string, text: string): boolean {
  if (pattern === '') return text === '';
  const rest = pattern.slice(1);
  if (!pattern.startsWith('*')) return text.startsWith(pattern.charAt(0)) && matchesByDefinition(rest, text.slice(1));
  return [...Array(text.length + 1).keys()].some((length) => matchesByDefinition(rest, text.slice(length)));
}
