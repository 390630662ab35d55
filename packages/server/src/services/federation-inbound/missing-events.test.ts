import { expect, test } from 'vitest';
import { missingAuthEvents, missingPrevEvents, restsOn, splitReady } from './missing-events.ts';

function event(eventId: string, prevEvents: readonly string[], authEvents: readonly string[] = ['create']) {
  return { eventId, prevEvents, authEvents, depth: 1 };
}

/** `placed` stand in the room, `outlier` is beside the graph. */
const known = {
  isPlaced: (eventId: string) => ['create', 'placed'].includes(eventId),
  isHere: (eventId: string) => ['create', 'placed', 'outlier'].includes(eventId),
};

function pool(...events: ReturnType<typeof event>[]) {
  return new Map(events.map((one) => [one.eventId, one]));
}

test('an outlier may authorize, and is missing as a previous event', () => {
  const events = pool(event('a', ['placed', 'outlier', 'b', 'x'], ['outlier', 'y', 'b']), event('b', ['placed']));
  expect([...missingPrevEvents(events, known)]).toEqual(['outlier', 'x']);
  expect([...missingAuthEvents(events, known)]).toEqual(['y']);
  expect(restsOn(events.values()).sort()).toEqual(['b', 'create', 'outlier', 'placed', 'x', 'y']);
});

test('what rests on something missing waits, and so does what rests on that', () => {
  const ordered = [
    event('a', ['placed']),
    event('b', ['missing']),
    event('c', ['a', 'b']),
    event('d', ['a'], ['missing']),
    event('e', ['a'], ['b']),
    event('f', ['a'], ['outlier', 'a']),
  ];
  const { ready, waiting } = splitReady(ordered, known);
  expect(ready.map(({ eventId }) => eventId)).toEqual(['a', 'f']);
  expect(waiting.map(({ eventId }) => eventId)).toEqual(['b', 'c', 'd', 'e']);
});

test('a state from elsewhere stands for what comes before an event, not for what authorizes it', () => {
  const ordered = [event('b', ['missing']), event('c', ['b']), event('d', ['missing'], ['missing'])];
  const { ready } = splitReady(ordered, known, new Set(['b', 'd']));
  expect(ready.map(({ eventId }) => eventId)).toEqual(['b', 'c']);
});
