import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { selectAuthEvents } from '../authorization/auth-event-selection.ts';
import { authorizeEvent } from '../authorization/authorize-event.ts';
import { stateOfAuthEvents } from './resolution-context.ts';
import { resolveState } from './resolve-state.ts';
import { readStory, type StoryFile, storyIds } from './test-story.ts';

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

function sameIds(expected: StoryFile['expected']): boolean {
  return JSON.stringify(expected.v2?.toSorted()) === JSON.stringify(expected['v2.1']?.toSorted());
}
