import fc from 'fast-check';
import { expect, test } from 'vitest';
import { orderEvents } from './order-events.ts';

function event(eventId: string, prevEvents: readonly string[] = [], depth = 1) {
  return { eventId, prevEvents, depth };
}

function idsOf(events: readonly { eventId: string }[]): string {
  return events.map(({ eventId }) => eventId).join(' ');
}

test('E3: what is older in the graph comes first, whatever depth it claims', () => {
  const events = [event('c', ['b'], 1), event('a', ['before'], 9), event('b', ['a'], 5)];
  expect(idsOf(orderEvents(events).ordered)).toBe('a b c');
});

test('where the graph says nothing, depth does, and then the order in which they came', () => {
  const events = [event('d', [], 2), event('b', [], 1), event('a', [], 1), event('c', ['b'], 2)];
  expect(idsOf(orderEvents(events).ordered)).toBe('b a d c');
});

test('one that came twice stands once', () => {
  expect(idsOf(orderEvents([event('a'), event('b', ['a']), event('a')]).ordered)).toBe('a b');
});

test('H3: events that rest on themselves are told apart, with all that rests on them', () => {
  const events = [event('a', ['c']), event('b', ['a']), event('c', ['b']), event('d', ['c']), event('e')];
  const { ordered, circular } = orderEvents(events);
  expect(idsOf(ordered)).toBe('e');
  expect(idsOf(circular)).toBe('a b c d');
});

test('any graph comes out whole and in order', () => {
  const edges = fc.array(fc.array(fc.nat(30), { maxLength: 4 }), { maxLength: 30 });
  const property = fc.property(edges, fc.infiniteStream(fc.nat(5)), (lists, depths) => {
    const events = lists.map((list, index) =>
      event(`${index}`, list.filter((prev) => prev < index).map(String), depths.next().value),
    );
    const { ordered, circular } = orderEvents(events.toReversed());
    expect(circular).toEqual([]);
    const places = new Map(ordered.map(({ eventId }, place) => [eventId, place]));
    expect(places.size).toBe(events.length);
    for (const { eventId, prevEvents } of events) {
      for (const prev of prevEvents) expect(places.get(prev)).toBeLessThan(places.get(eventId) ?? -1);
    }
  });
  fc.assert(property, { numRuns: 200 });
});
