import type { StateSet } from './event-map.ts';

/** What the state sets agree on, and what they do not. */
export interface ConflictedState {
  /** The unconflicted state map: keys that stand in every state set with the same event. */
  readonly unconflicted: ReadonlyMap<string, string>;
  /** The conflicted state set by key: every event that any state set has there. */
  readonly conflicted: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Divides the pairs of all state sets into the unconflicted state map and the conflicted state set. A key that some
 * state set lacks is conflicted, even where the others agree.
 * Specification: room version 2, "State resolution", "Unconflicted state map and conflicted state set".
 */
export function separateConflictedState(stateSets: readonly StateSet[]): ConflictedState {
  const unconflicted = new Map<string, string>();
  const conflicted = new Map<string, ReadonlySet<string>>();
  for (const key of keysOf(stateSets)) {
    const eventIds = eventIdsAt(stateSets, key);
    const [first] = eventIds;
    const inEverySet = stateSets.every((stateSet) => stateSet.has(key));
    if (inEverySet && eventIds.size === 1 && first !== undefined) unconflicted.set(key, first);
    else conflicted.set(key, eventIds);
  }
  return { unconflicted, conflicted };
}

/** Every key that any of the state sets has. */
export function keysOf(stateSets: readonly StateSet[]): Set<string> {
  const keys = new Set<string>();
  for (const stateSet of stateSets) for (const key of stateSet.keys()) keys.add(key);
  return keys;
}

/** The different events that the state sets have at one key. */
export function eventIdsAt(stateSets: readonly StateSet[], key: string): Set<string> {
  const eventIds = new Set<string>();
  for (const stateSet of stateSets) {
    const eventId = stateSet.get(key);
    if (eventId !== undefined) eventIds.add(eventId);
  }
  return eventIds;
}
