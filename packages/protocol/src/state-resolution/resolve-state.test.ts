import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { selectAuthEvents } from '../authorization/auth-event-selection.ts';
import { authorizeEvent } from '../authorization/authorize-event.ts';
import type { Pdu } from '../pdu.ts';
import { stateOfAuthEvents } from './resolution-context.ts';
import { MAX_EVENTS_TO_RESOLVE, resolveState } from './resolve-state.ts';
import { readStory, type StoryFile, stateOf, storyEventId, storyIds } from './tests/story.ts';

const folder = new URL('./fixtures/', import.meta.url);
const stories = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, file: JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as StoryFile }));

const cases = stories.flatMap(({ name, file }) =>
  Object.entries(file.expected).map(([algorithm, expected]) => ({ name, file, algorithm, expected })),
);

describe('the stories', () => {
  test.each(cases)('$name by $algorithm', ({ file, algorithm, expected }) => {
    const { version, events, stateSets } = readStory(file);
    const stateResolution = algorithm as typeof version.stateResolution;
    for (const sets of [stateSets, stateSets.toReversed()]) {
      const resolution = resolveState({ version: { ...version, stateResolution }, stateSets: sets, events });
      expect(resolution.resolved && storyIds(resolution.state)).toEqual([...expected].sort());
    }
  });

  test.each(stories)('$name is told in two lines and has only events that their auth events allow', ({ file }) => {
    expect(file.story).toHaveLength(2);
    const { version, events } = readStory(file);
    for (const event of events.values()) {
      const state = stateOfAuthEvents(event, { version, events, rejectedEventIds: new Set() });
      expect([event.eventId, authorizeEvent(event, state, version)]).toEqual([event.eventId, { allowed: true }]);
      const selected = selectAuthEvents(event, state, version).map(({ eventId }) => eventId);
      expect([event.eventId, ...[...event.authEvents].sort()]).toEqual([event.eventId, ...selected.sort()]);
    }
  });

  test('there are stories for all three algorithms, and some where 2 and 2.1 come to different states', () => {
    const count = (algorithm: string) => cases.filter((one) => one.algorithm === algorithm).length;
    expect({ v1: count('v1'), v2: count('v2'), 'v2.1': count('v2.1') }).toEqual({ v1: 6, v2: 21, 'v2.1': 26 });
    const differing = stories.filter(({ file: { expected } }) => expected.v2 !== undefined && !sameIds(expected));
    expect(differing.map(({ name }) => name)).toEqual(['msc4297-problem-a.json', 'msc4297-problem-b.json']);
  });
});

describe('events that are not there', () => {
  const load = (name: string) => readStory(JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')));

  test.each([
    ['forked-topic', 'alice', 'in the auth chains and in every state set'],
    ['forked-topic', 'topic-bob', 'in conflict'],
    ['chain-of-promotions', 'give-carol', 'in an auth chain only'],
    ['version-12-forked-topic', 'create', 'the create event'],
    ['version-1-depth-decides', 'topic-late', 'in conflict'],
    ['version-1-depth-decides', 'power', 'what authorizes it'],
  ])('%s without %s (%s) is not resolved, and says so', (name, id) => {
    const { version, events, stateSets } = load(name);
    const fewer = new Map([...events].filter(([eventId]) => eventId !== storyEventId(id)));
    expect(resolveState({ version, stateSets, events: fewer })).toEqual({
      resolved: false,
      reason: `The state cannot be resolved without the events it rests on: missing ${storyEventId(id)}.`,
      missingEventIds: [storyEventId(id)],
    });
  });

  test('the create event of version 12 is asked for even where no state set has it', () => {
    const { version, events, stateSets } = load('version-12-forked-topic');
    const createId = storyEventId('create');
    const fewer = new Map([...events].filter(([eventId]) => eventId !== createId));
    const setsWithout = stateSets.map(
      (stateSet) => new Map([...stateSet].filter(([, eventId]) => eventId !== createId)),
    );
    const resolution = resolveState({ version, stateSets: setsWithout, events: fewer });
    expect(resolution).toMatchObject({ resolved: false, missingEventIds: [createId] });
  });

  test('all that is missing is named at once, in order', () => {
    const { version, stateSets } = load('forked-topic');
    const resolution = resolveState({ version, stateSets, events: new Map() });
    const missing = ['alice', 'bob', 'create', 'power', 'rules', 'topic-alice', 'topic-bob'].map(storyEventId);
    expect(resolution).toMatchObject({ resolved: false, missingEventIds: missing });
    expect(resolution).toMatchObject({ reason: expect.stringMatching(/missing \$alice:example.org and 6 more\.$/) });
  });

  test('states without a conflict need no events, and no states are an empty one', () => {
    const { version, stateSets } = load('forked-topic');
    const [one] = stateSets.map((stateSet) => new Map(stateSet));
    if (one === undefined) throw new Error('The story has no state.');
    for (const same of [[one], [one, new Map([...one].reverse()), one]]) {
      expect(resolveState({ version, stateSets: same, events: new Map() })).toEqual({ resolved: true, state: one });
    }
    expect(resolveState({ version, stateSets: [], events: new Map() })).toEqual({ resolved: true, state: new Map() });
  });

  test('version 1 does without the events that neither conflict nor authorize', () => {
    const { version, events, stateSets } = load('version-1-depth-decides');
    const fewer = new Map([...events].filter(([eventId]) => !['rules', 'carol'].map(storyEventId).includes(eventId)));
    expect(resolveState({ version, stateSets, events: fewer })).toMatchObject({ resolved: true });
  });

  test('more events than can be walked are refused', () => {
    const { version, events, stateSets } = load('forked-topic');
    const tooMany = new (class extends Map<string, Pdu> {
      override get size(): number {
        return MAX_EVENTS_TO_RESOLVE + 1;
      }
    })(events);
    const resolution = resolveState({ version, stateSets, events: tooMany });
    expect(resolution).toMatchObject({ resolved: false, reason: expect.stringMatching(/at most 5000000/) });
  });
});

test('a line of power levels twenty thousand long is resolved in one go', () => {
  const length = 20_000;
  const content = { users: { '@alice': 100 } };
  const power = (index: number) => ({
    id: `p${index}`,
    sender: '@alice',
    type: 'm.room.power_levels',
    key: '',
    content,
  });
  const { version, events } = readStory({
    story: [],
    roomVersion: '11',
    events: [
      { id: 'create', sender: '@alice', type: 'm.room.create', key: '', content: {}, auth: [] },
      {
        id: 'alice',
        sender: '@alice',
        type: 'm.room.member',
        key: '@alice',
        content: { membership: 'join' },
        auth: ['create'],
      },
      ...Array.from({ length }, (_, index) => ({
        ...power(index),
        auth: index === 0 ? ['create', 'alice'] : ['create', 'alice', `p${index - 1}`],
        time: length - index,
      })),
    ],
    stateSets: {},
    expected: {},
  });
  const stateSets = [
    stateOf(['create', 'alice', 'p0'], events),
    stateOf(['create', 'alice', `p${length - 1}`], events),
  ];
  for (const stateResolution of ['v2', 'v2.1'] as const) {
    const resolution = resolveState({ version: { ...version, stateResolution }, stateSets, events });
    expect(resolution.resolved && storyIds(resolution.state)).toEqual(['alice', 'create', `p${length - 1}`]);
  }
});

function sameIds(expected: StoryFile['expected']): boolean {
  return JSON.stringify(expected.v2?.toSorted()) === JSON.stringify(expected['v2.1']?.toSorted());
}
