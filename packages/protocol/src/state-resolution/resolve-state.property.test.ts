import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stateMapKey } from '../pdu.ts';
import { separateConflictedState } from './conflicted-state.ts';
import { knownEvent, type StateSet } from './event-map.ts';
import { isPowerEvent } from './power-events.ts';
import { resolveState, type StateToResolve } from './resolve-state.ts';
import { roomsToResolve } from './tests/random-rooms.ts';
import { fullConflictedSet, reachability, resolveByDefinition } from './tests/resolve-by-definition.ts';
import { roomVersion } from './tests/story.ts';

const RUNS = { numRuns: 200 };

/** A room version of each algorithm, one more where creators stand above all, and one that only the proposal had. */
const versions = [
  roomVersion('1'),
  roomVersion('6'),
  roomVersion('11'),
  roomVersion('12'),
  { ...roomVersion('11'), stateResolution: 'v2.1' as const },
];

describe.each(versions)('room version $id by $stateResolution', (version) => {
  const rooms = roomsToResolve(version);

  test('the result does not depend on the order of state sets, of their entries or of the events', () => {
    const shuffled = rooms.chain(({ room, stateSets }) =>
      fc.record({
        room: fc.constant(room),
        stateSets: fc.constant(stateSets),
        otherSets: shuffle(stateSets).chain((sets) => fc.tuple(...sets.map(shuffleMap))),
        otherEvents: shuffleMap(room.events),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ room, stateSets, otherSets, otherEvents }) => {
        const one = resolved({ ...room, stateSets });
        const other = resolved({ ...room, stateSets: otherSets, events: otherEvents });
        expect(sorted(other)).toEqual(sorted(one));
      }),
      RUNS,
    );
  });

  test('a state set given twice counts once, and states that are the same are the result', () => {
    fc.assert(
      fc.property(rooms, ({ room, stateSets }) => {
        const state = resolved({ ...room, stateSets });
        expect(sorted(resolved({ ...room, stateSets: [...stateSets, ...stateSets] }))).toEqual(sorted(state));
        for (const stateSet of stateSets) {
          expect(sorted(resolved({ ...room, stateSets: [stateSet, stateSet] }))).toEqual(sorted(stateSet));
        }
        expect(sorted(resolved({ ...room, stateSets: [state, new Map(state)] }))).toEqual(sorted(state));
      }),
      RUNS,
    );
  });

  test('what every state set agrees on is kept, and every entry is an event of its slot', () => {
    fc.assert(
      fc.property(rooms, ({ room, stateSets }) => {
        const state = resolved({ ...room, stateSets });
        for (const [key, eventId] of separateConflictedState(stateSets).unconflicted) {
          expect([key, state.get(key)]).toEqual([key, eventId]);
        }
        for (const [key, eventId] of state) {
          const event = knownEvent(room.events, eventId);
          expect(stateMapKey(event.type, event.stateKey ?? 'not a state event')).toBe(key);
        }
      }),
      RUNS,
    );
  });
});

describe.each(versions.filter((version) => version.privilegesCreators))('room version $id', (version) => {
  test('nobody puts the creator out', () => {
    fc.assert(
      fc.property(roomsToResolve(version), ({ room, stateSets }) => {
        const eventId = resolved({ ...room, stateSets }).get(stateMapKey('m.room.member', '@alice:example.org'));
        const event = eventId === undefined ? undefined : knownEvent(room.events, eventId);
        const wasPutOut = event !== undefined && isPowerEvent(event);
        expect([eventId, wasPutOut]).toEqual([eventId, false]);
      }),
      RUNS,
    );
  });
});

const definedVersions = versions.filter((version) => version.stateResolution !== 'v1');

describe.each(definedVersions)('room version $id by $stateResolution', (version) => {
  test('the result is what the definitions say when taken word by word', () => {
    let conflicts = 0;
    const given = roomsToResolve(version);
    fc.assert(
      fc.property(given, ({ room, stateSets }) => {
        if (separateConflictedState(stateSets).conflicted.size > 0) conflicts += 1;
        expect(sorted(resolved({ ...room, stateSets }))).toEqual(sorted(resolveByDefinition(stateSets, room)));
      }),
      { numRuns: 400 },
    );
    expect(conflicts).toBeGreaterThan(200);
  });
});

/**
 * Step 1 of v2.1 speaks of the auth chains of power events cut with the full conflicted set, and the code follows auth
 * chains inside that set only. The two are the same, because the set of v2.1 has no gaps.
 */
test('no path of auth events leaves the full conflicted set of v2.1 and comes back', () => {
  fc.assert(
    fc.property(roomsToResolve(roomVersion('12')), ({ room, stateSets }) => {
      const full = [...fullConflictedSet(stateSets, room)];
      const leadsTo = reachability(room.events);
      const outside = [...room.events.keys()].filter((eventId) => !full.includes(eventId));
      const gaps = outside.filter(
        (eventId) => full.some((end) => leadsTo(eventId, end)) && full.some((end) => leadsTo(end, eventId)),
      );
      expect(gaps).toEqual([]);
    }),
    RUNS,
  );
});

function resolved(input: StateToResolve): StateSet {
  const resolution = resolveState(input);
  if (!resolution.resolved) throw new Error(resolution.reason);
  return resolution.state;
}

function sorted(state: StateSet): [string, string][] {
  return [...state].sort();
}

function shuffle<Item>(items: Iterable<Item>): fc.Arbitrary<Item[]> {
  const all = [...items];
  return fc.shuffledSubarray(all, { minLength: all.length });
}

function shuffleMap<Key, Value>(map: ReadonlyMap<Key, Value>): fc.Arbitrary<ReadonlyMap<Key, Value>> {
  return shuffle(map).map((entries) => new Map(entries));
}
