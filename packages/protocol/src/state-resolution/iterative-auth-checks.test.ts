import { expect, test } from 'vitest';
import { iterativeAuthChecks } from './iterative-auth-checks.ts';
import { senderPowerLevel } from './sender-power-level.ts';
import { readStory, type StoryEvent, stateOf, storyEventId, storyIds } from './tests/story.ts';

const member = (id: string, user: string, membership: string, auth: string[], sender = user): StoryEvent => ({
  id,
  sender,
  type: 'm.room.member',
  key: user,
  content: { membership },
  auth,
});
const setting = (id: string, sender: string, type: string, auth: string[], content = {}): StoryEvent => ({
  id,
  sender,
  type,
  key: '',
  content,
  auth,
});

const { version, events } = readStory({
  story: [],
  roomVersion: '11',
  events: [
    setting('create', '@alice', 'm.room.create', []),
    member('alice', '@alice', 'join', ['create']),
    setting('power', '@alice', 'm.room.power_levels', ['create', 'alice'], { users: { '@alice': 100, '@bob': 50 } }),
    setting('rules', '@alice', 'm.room.join_rules', ['create', 'alice', 'power'], { join_rule: 'public' }),
    member('bob', '@bob', 'join', ['create', 'power', 'rules']),
    member('bob-banned', '@bob', 'ban', ['create', 'power', 'alice', 'bob'], '@alice'),
    setting('topic-1', '@bob', 'm.room.topic', ['create', 'power', 'bob']),
    setting('topic-2', '@bob', 'm.room.topic', ['create', 'power', 'bob']),
    setting('two-powers', '@bob', 'm.room.topic', ['create', 'power', 'bob', 'power-0']),
    setting('power-0', '@alice', 'm.room.power_levels', ['create', 'alice'], { users: { '@alice': 100 } }),
  ],
  stateSets: {},
  expected: {},
});

test('each event is checked against what the ones before it made of the state', () => {
  expect(check([], 'topic-1', 'topic-2')).toEqual(['topic-2']);
  expect(check([], 'topic-1', 'bob-banned', 'topic-2')).toEqual(['bob-banned', 'topic-1']);
});

test('the state goes before the auth events, which fill up what it lacks', () => {
  expect(check([], 'topic-1')).toEqual(['topic-1']);
  expect(check(['bob-banned'], 'topic-1')).toEqual(['bob-banned']);
  expect(check(['power-0'], 'topic-1')).toEqual(['power-0']);
});

test('a rejected auth event fills up nothing, but a rejected event in the list is checked like all others', () => {
  expect(check(['create'], ...['topic-1'], { rejected: ['bob'] })).toEqual(['create']);
  expect(check(['create', 'bob'], ...['topic-1'], { rejected: ['bob'] })).toEqual(['bob', 'create', 'topic-1']);
  expect(check([], ...['topic-1'], { rejected: ['topic-1'] })).toEqual(['topic-1']);
});

test('of two auth events for one slot the first one counts', () => {
  expect(check([], 'two-powers')).toEqual(['two-powers']);
});

test('a message event changes no state', () => {
  const message = { ...event('topic-1'), eventId: '$message', stateKey: undefined };
  const context = { version, events: new Map([...events, ['$message', message]]), rejectedEventIds: new Set<string>() };
  expect([...iterativeAuthChecks(new Map(), ['$message'], context)]).toEqual([]);
});

test('the initial state is left as it was', () => {
  const initial = stateOf(['create', 'bob'], events);
  iterativeAuthChecks(initial, [storyEventId('topic-1')], { version, events, rejectedEventIds: new Set() });
  expect(storyIds(initial)).toEqual(['bob', 'create']);
});

test('the power of a sender is read from the auth events, rejected or not', () => {
  const context = { version, events, rejectedEventIds: new Set([storyEventId('power')]) };
  expect(senderPowerLevel(event('topic-1'), context)).toBe(50);
  expect(senderPowerLevel(event('alice'), context)).toBe(100);
  expect(senderPowerLevel(event('create'), context)).toBe(0);
});

function event(id: string) {
  const found = events.get(storyEventId(id));
  if (found === undefined) throw new Error(`There is no event ${id}.`);
  return found;
}

/** Checks the events in turn, beginning with a state of these; the events of the state that comes out. */
function check(initial: string[], ...rest: (string | { rejected: string[] })[]): string[] {
  const rejected = rest.flatMap((one) => (typeof one === 'string' ? [] : one.rejected));
  const sorted = rest.flatMap((one) => (typeof one === 'string' ? [storyEventId(one)] : []));
  const context = { version, events, rejectedEventIds: new Set(rejected.map(storyEventId)) };
  return storyIds(iterativeAuthChecks(stateOf(initial, events), sorted, context));
}
