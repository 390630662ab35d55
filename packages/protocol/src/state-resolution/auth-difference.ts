import { authChain } from './auth-chain.ts';
import type { ConflictedState } from './conflicted-state.ts';
import type { AuthGraph, StateSet } from './event-map.ts';

/**
 * Every event that is in the full auth chain of some of the state sets, but not of all of them. The full auth chain of
 * a state set is the union of the auth chains of its events, so what only stands in a state set does not count.
 * Specification: room version 2, "State resolution", "Auth difference".
 *
 * The chains of the unconflicted events are common to all state sets: they are walked once, and the others stop there.
 */
export function authDifference(
  stateSets: readonly StateSet[],
  { unconflicted, conflicted }: ConflictedState,
  events: AuthGraph,
): Set<string> {
  const common = authChain(unconflicted.values(), events);
  const setsWith = new Map<string, number>();
  for (const stateSet of stateSets) {
    const conflictedHere = [...conflicted.keys()].flatMap((key) => stateSet.get(key) ?? []);
    for (const eventId of authChain(conflictedHere, events, common)) {
      setsWith.set(eventId, (setsWith.get(eventId) ?? 0) + 1);
    }
  }
  const difference = new Set<string>();
  for (const [eventId, count] of setsWith) if (count < stateSets.length) difference.add(eventId);
  return difference;
}
