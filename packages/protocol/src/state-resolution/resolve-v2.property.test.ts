import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authChain } from './auth-chain.ts';
import { separateConflictedState } from './conflicted-state.ts';
import { knownEvent } from './event-map.ts';
import { keysThatAuthorize } from './iterative-auth-checks.ts';
import { fullConflictedSet, replayConflicts, resolveV2 } from './resolve-v2.ts';
import { roomsToResolve } from './tests/random-rooms.ts';
import { roomVersion } from './tests/story.ts';

/** What a server does that does not want to read the whole state of a large room. */
describe.each([roomVersion('6'), roomVersion('11'), roomVersion('12')])('room version $id', (version) => {
  test('of what is not in conflict, the slots and events that the rules look at are enough', () => {
    fc.assert(
      fc.property(roomsToResolve(version), ({ room, stateSets }) => {
        const conflictedState = separateConflictedState(stateSets);
        const context = { version, events: room.events, rejectedEventIds: new Set<string>() };
        const graph = new Map([...room.events].map(([eventId, { authEvents }]) => [eventId, { authEvents }]));
        const replayed = fullConflictedSet(stateSets, conflictedState, { version, events: graph });
        const keys = [...replayed].flatMap((eventId) => [
          ...keysThatAuthorize(knownEvent(room.events, eventId), context),
        ]);
        const needed = new Map([...conflictedState.unconflicted].filter(([key]) => keys.includes(key)));
        const ids = [...replayed, ...needed.values()];
        const create = [...room.events.values()].find(({ type }) => type === 'm.room.create')?.eventId ?? '';
        const chain = authChain(ids, room.events).union(new Set([...ids, create]));
        const events = new Map([...room.events].filter(([eventId]) => chain.has(eventId)));
        const whole = resolveV2(stateSets, conflictedState, context);
        const partial = replayConflicts(needed, replayed, { ...context, events });
        const undecided = new Set([...whole.keys(), ...partial.keys()]).difference(conflictedState.unconflicted);
        for (const key of undecided) expect([key, partial.get(key)]).toEqual([key, whole.get(key)]);
      }),
      { numRuns: 300 },
    );
  });
});
