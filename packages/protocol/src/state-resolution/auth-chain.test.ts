import { expect, test } from 'vitest';
import type { Pdu } from '../pdu.ts';
import { authChain } from './auth-chain.ts';
import { graphOf, idsOf } from './tests/random-rooms.ts';
import { readStoryEvent, roomVersion, storyEventId } from './tests/story.ts';

const version = roomVersion('11');

test('an auth chain is all that the auth events lead to, and not the event itself', () => {
  const events = graphOf(
    { create: [], power: ['create'], bob: ['power', 'create'], topic: ['bob'], other: ['create'] },
    version,
  );
  expect([...authChain(idsOf('topic'), events)].sort()).toEqual(idsOf('bob', 'create', 'power'));
  expect([...authChain(idsOf('topic', 'bob'), events)].sort()).toEqual(idsOf('bob', 'create', 'power'));
  expect([...authChain(idsOf('create'), events)]).toEqual([]);
});

test('an auth event that is not there is named and leads nowhere', () => {
  const events = graphOf({ topic: ['lost'] }, version);
  expect([...authChain(idsOf('topic'), events)]).toEqual(idsOf('lost'));
});

test('a walk stops where another one has been', () => {
  const events = graphOf({ create: [], power: ['create'], bob: ['power'], topic: ['bob'] }, version);
  expect([...authChain(idsOf('topic'), events, new Set(idsOf('power')))]).toEqual(idsOf('bob'));
});

test('a ring of auth events ends', () => {
  const events = graphOf({ a: ['b'], b: ['c'], c: ['a'] }, version);
  expect([...authChain(idsOf('a'), events)].sort()).toEqual(idsOf('a', 'b', 'c'));
});

test('a chain of a million events is walked to its end', () => {
  const length = 1_000_000;
  const sketch = { id: 'x', sender: '@alice', type: 'org.example.node', key: '', content: {}, auth: [] };
  const one = readStoryEvent(sketch, 0, version);
  const events = new Map<string, Pdu>();
  for (let index = 0; index < length; index += 1) {
    events.set(`$${index}`, { ...one, eventId: `$${index}`, authEvents: index === 0 ? [] : [`$${index - 1}`] });
  }
  expect(authChain([`$${length - 1}`], events).size).toBe(length - 1);
  expect(authChain([storyEventId('nobody')], events).size).toBe(0);
});
