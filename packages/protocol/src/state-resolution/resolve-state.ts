import type { RoomVersion } from '../room-version.ts';
import { authChain } from './auth-chain.ts';
import { type ConflictedState, separateConflictedState } from './conflicted-state.ts';
import type { EventMap, StateSet } from './event-map.ts';
import { keysThatAuthorize } from './iterative-auth-checks.ts';
import { createEventId, type ResolutionContext } from './resolution-context.ts';
import { resolveV1, separateConflicts } from './resolve-v1.ts';
import { resolveV2 } from './resolve-v2.ts';

/** Most events that one resolution takes. Every walk enters an event at most once, so this bounds them all. */
export const MAX_EVENTS_TO_RESOLVE = 5_000_000;

export interface StateToResolve {
  readonly version: RoomVersion;
  /** The states after each of an event's `prev_events`. Their order, and that of their entries, does not matter. */
  readonly stateSets: readonly StateSet[];
  /**
   * The events that may be needed. For v2 and v2.1: every event of the state sets and of their auth chains, and where
   * the room ID is a hash, the create event. For v1: those in conflict, and what authorizes them in the state sets.
   */
  readonly events: EventMap;
  /** Rejected events: not taken from auth events to authorize others. They take part otherwise, as the text has it. */
  readonly rejectedEventIds?: ReadonlySet<string>;
}

/** The resolved state, or why there is none. `missingEventIds` are to be loaded or fetched before the next attempt. */
export type StateResolution =
  | { readonly resolved: true; readonly state: StateSet }
  | { readonly resolved: false; readonly reason: string; readonly missingEventIds: readonly string[] };

/**
 * Brings several states of a room together into one, by the algorithm of its room version. The result depends on the
 * input alone, never on an order in it. States without a conflict need no events at all.
 * Specification: "State resolution" of room versions 1, 2 and 12.
 */
export function resolveState({ version, stateSets, events, rejectedEventIds }: StateToResolve): StateResolution {
  const conflictedState = separateConflictedState(stateSets);
  if (conflictedState.conflicted.size === 0) return { resolved: true, state: conflictedState.unconflicted };
  if (events.size > MAX_EVENTS_TO_RESOLVE) {
    const reason = `The state rests on ${events.size} events; at most ${MAX_EVENTS_TO_RESOLVE} can be resolved.`;
    return { resolved: false, reason, missingEventIds: [] };
  }
  const context: ResolutionContext = { version, events, rejectedEventIds: rejectedEventIds ?? new Set() };
  return version.stateResolution === 'v1'
    ? resolveWithV1(stateSets, context)
    : resolveWithV2(stateSets, conflictedState, context);
}

function resolveWithV1(stateSets: readonly StateSet[], context: ResolutionContext): StateResolution {
  const needed = new Set<string>();
  for (const eventIds of separateConflicts(stateSets).conflicts.values()) {
    for (const eventId of eventIds) {
      needed.add(eventId);
      for (const authorizing of authorizingEventIds(eventId, stateSets, context)) needed.add(authorizing);
    }
  }
  const missing = missingOf(needed, context.events);
  return missing.length > 0 ? unresolved(missing) : { resolved: true, state: resolveV1(stateSets, context) };
}

/** What the state sets hold in the slots that the rules look at for this event. */
function authorizingEventIds(eventId: string, stateSets: readonly StateSet[], context: ResolutionContext): string[] {
  const event = context.events.get(eventId);
  if (event === undefined) return [];
  const keys = [...keysThatAuthorize(event, context)];
  return keys.flatMap((key) => stateSets.flatMap((stateSet) => stateSet.get(key) ?? []));
}

function resolveWithV2(
  stateSets: readonly StateSet[],
  conflictedState: ConflictedState,
  context: ResolutionContext,
): StateResolution {
  const { version, events } = context;
  const stateEventIds = stateSets.flatMap((stateSet) => [...stateSet.values()]);
  const needed = authChain(stateEventIds, events).union(new Set(stateEventIds));
  if (version.roomIdIsCreateHash) {
    for (const eventId of stateEventIds) {
      const event = events.get(eventId);
      if (event !== undefined && event.type !== 'm.room.create') needed.add(createEventId(event));
    }
  }
  const missing = missingOf(needed, events);
  return missing.length > 0
    ? unresolved(missing)
    : { resolved: true, state: resolveV2(stateSets, conflictedState, context) };
}

function missingOf(eventIds: Iterable<string>, events: EventMap): string[] {
  return [...eventIds].filter((eventId) => !events.has(eventId)).sort();
}

function unresolved(missingEventIds: readonly string[]): StateResolution {
  const [first] = missingEventIds;
  const others = missingEventIds.length > 1 ? ` and ${missingEventIds.length - 1} more` : '';
  const reason = `The state cannot be resolved without the events it rests on: missing ${first}${others}.`;
  return { resolved: false, reason, missingEventIds };
}
