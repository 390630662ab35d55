import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { resolveState } from './resolve-state.ts';
import { readStory, type StoryEvent, storyEventId, storyIds } from './tests/story.ts';

/** Alice has all power, Bob is a moderator, Carol a user. All have joined a public room. */
const beginning: StoryEvent[] = [
  setting('create', '@alice', 'm.room.create', { creator: '@alice' }),
  member('alice', '@alice', 'join'),
  setting('power', '@alice', 'm.room.power_levels', { users: { '@alice': 100, '@bob': 50 } }),
  setting('rules', '@alice', 'm.room.join_rules', { join_rule: 'public' }),
  member('bob', '@bob', 'join'),
  member('carol', '@carol', 'join'),
];
const common = ['create', 'alice', 'power', 'rules', 'bob', 'carol'];

test('power levels are settled before join rules, those before memberships, and those before all else', () => {
  const users = { '@alice': 100, '@bob': 50 };
  const events = [
    setting('power-low', '@alice', 'm.room.power_levels', { users: { '@alice': 100 } }, 10),
    setting('power-high', '@alice', 'm.room.power_levels', { users, events: { 'm.room.topic': 0 } }, 11),
    setting('rules-low', '@alice', 'm.room.join_rules', { join_rule: 'invite' }, 10),
    setting('rules-high', '@bob', 'm.room.join_rules', { join_rule: 'public' }, 11),
    member('dave-low', '@dave', 'leave', 10),
    member('dave-high', '@dave', 'join', 11),
    setting('topic-low', '@alice', 'm.room.topic', {}, 10),
    setting('topic-high', '@dave', 'm.room.topic', {}, 11),
  ];
  const state = (end: string) => [
    ...['create', 'alice', 'bob', 'carol'],
    ...['power', 'rules', 'dave', 'topic'].map((id) => `${id}-${end}`),
  ];
  // By the power levels Bob may open the room, by that Dave may join, and by both he may set the topic.
  expect(resolve(events, state('low'), state('high'))).toEqual(state('high').sort());
  // Without that power none of the three passes.
  const powerless = setting('power-high', '@alice', 'm.room.power_levels', { users: { '@alice': 100 } }, 11);
  const closed = ['create', 'alice', 'bob', 'carol', 'power-high', 'rules-low', 'dave-low', 'topic-low'];
  const otherEvents = events.map((event) => (event.id === 'power-high' ? powerless : event));
  expect(resolve(otherEvents, state('low'), state('high'))).toEqual(closed.sort());
});

test('each event is tried with the one before in its place, until the first that is refused', () => {
  const events = [
    member('banned', '@dave', 'ban', 10, '@alice'),
    member('unbanned', '@dave', 'leave', 11, '@alice'),
    member('rejoined', '@dave', 'join', 12),
    member('banned-by-carol', '@dave', 'ban', 13, '@carol'),
    member('left', '@dave', 'leave', 14),
  ];
  const upTo = (...ids: string[]) => ids.map((id) => [...common, id]);
  expect(resolve(events, ...upTo('banned', 'rejoined'))).toEqual([...common, 'banned'].sort());
  expect(resolve(events, ...upTo('banned', 'unbanned', 'rejoined'))).toEqual([...common, 'rejoined'].sort());
  const all = upTo('banned', 'unbanned', 'rejoined', 'banned-by-carol', 'left');
  expect(resolve(events, ...all)).toEqual([...common, 'rejoined'].sort());
});

test('a membership is not checked against others that are in conflict in the same pass', () => {
  // The ban by Bob is refused while his own membership is undecided, whichever of the two is looked at first.
  const events = [
    member('bob-renamed', '@bob', 'join', 20),
    member('carol-renamed', '@carol', 'join', 10),
    member('ban-carol', '@carol', 'ban', 11, '@bob'),
  ];
  const others = ['create', 'alice', 'power', 'rules'];
  const one = [...others, 'bob', 'carol-renamed'];
  const other = [...others, 'bob-renamed', 'ban-carol'];
  expect(resolve(events, one, other)).toEqual([...others, 'bob-renamed', 'carol-renamed'].sort());
  const reversed = [one, other].map((ids) => ids.toReversed());
  expect(resolve(events, ...reversed)).toEqual([...others, 'bob-renamed', 'carol-renamed'].sort());
});

test('where no event passes, the one of the lowest depth is taken', () => {
  const events = [
    setting('topic-low', '@carol', 'm.room.topic', {}, 10),
    setting('topic-middle', '@carol', 'm.room.topic', {}, 11),
    setting('topic-high', '@carol', 'm.room.topic', {}, 12),
  ];
  const sets = ['topic-low', 'topic-high', 'topic-middle'].map((id) => [...common, id]);
  expect(resolve(events, ...sets)).toEqual([...common, 'topic-low'].sort());
});

test('of equal depth, power levels are tried by descending SHA-1 of the event ID', () => {
  const users = { '@alice': 100, '@bob': 50 };
  const names = ['power-a', 'power-b', 'power-c'];
  const events = names.map((id) => setting(id, '@alice', 'm.room.power_levels', { users }, 10));
  const sets = names.map((id) => common.map((one) => (one === 'power' ? id : one)));
  const hashOf = (id: string) => createHash('sha1').update(storyEventId(id)).digest('hex');
  // All pass in turn, so that the last one stands: that of the lowest hash.
  const [lowest] = names.toSorted((left, right) => (hashOf(left) < hashOf(right) ? -1 : 1));
  expect(resolve(events, ...sets)).toContain(lowest);
  expect(resolve(events, ...sets.toReversed())).toContain(lowest);
});

function resolve(more: StoryEvent[], ...sets: string[][]): string[] {
  const stateSets = Object.fromEntries(sets.map((ids, index) => [index, ids]));
  const resolution = resolveState(
    readStory({ story: [], roomVersion: '1', events: [...beginning, ...more], stateSets, expected: {} }),
  );
  if (!resolution.resolved) throw new Error(resolution.reason);
  return storyIds(resolution.state);
}

function setting(id: string, sender: string, type: string, content: StoryEvent['content'], depth = 1): StoryEvent {
  return { id, sender, type, key: '', content, depth, auth: [] };
}

function member(id: string, key: string, membership: string, depth = 1, sender = key): StoryEvent {
  return { id, sender, type: 'm.room.member', key, content: { membership }, depth, auth: [], prev: ['somewhere'] };
}
