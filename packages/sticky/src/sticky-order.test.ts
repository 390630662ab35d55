import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareStickyEvents, winningStickyEvent } from './sticky-order.ts';

const events = fc.uniqueArray(
  fc.record({
    originServerTs: fc.integer({ min: 0, max: 4 }),
    durationMs: fc.integer({ min: 0, max: 4 }),
    eventId: fc.constantFrom('$A', '$Z', '$a', '$\u{1f600}', '$\uffee'),
  }),
  { minLength: 1, maxLength: 5, selector: (event) => event.eventId },
);

describe('F2: the winner', () => {
  test('is the one meant to expire last, not the one made last', () => {
    const early = { originServerTs: 100, durationMs: 60, eventId: '$A' };
    const late = { originServerTs: 150, durationMs: 5, eventId: '$B' };
    expect(compareStickyEvents(early, late)).toBe(1);
    expect(compareStickyEvents(late, early)).toBe(-1);
  });

  test('of two that were meant to expire together is the higher event ID, by code unit', () => {
    const of = (eventId: string) => ({ originServerTs: 1, durationMs: 1, eventId });
    expect(compareStickyEvents(of('$Z'), of('$A'))).toBe(1);
    expect(compareStickyEvents(of('$a'), of('$Z'))).toBe(1);
    // By code point the first would be the higher one.
    expect(compareStickyEvents(of('$\u{1f600}'), of('$\uffee'))).toBe(-1);
    expect(compareStickyEvents(of('$A'), of('$A'))).toBe(0);
  });

  test('does not depend on the order in which the events are looked at', () => {
    fc.assert(
      fc.property(events, (list) => {
        const winner = winningStickyEvent(list);
        expect(winningStickyEvent([...list].reverse())).toEqual(winner);
        for (const event of list) expect(winner && compareStickyEvents(winner, event)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  test('is nobody among none', () => {
    expect(winningStickyEvent([])).toBeUndefined();
  });
});
