import { POWER_LEVELS_KEY } from '../authorization/room-state.ts';
import type { Pdu } from '../pdu.ts';
import { authDifference } from './auth-difference.ts';
import type { ConflictedState } from './conflicted-state.ts';
import { conflictedStateSubgraph } from './conflicted-state-subgraph.ts';
import type { AuthGraph, StateSet } from './event-map.ts';
import { iterativeAuthChecks } from './iterative-auth-checks.ts';
import { mainlineOrder } from './mainline-order.ts';
import { powerEventsWithAuthChains } from './power-events.ts';
import type { ResolutionContext } from './resolution-context.ts';
import { reverseTopologicalPowerOrder } from './reverse-topological-power-order.ts';
import { senderPowerLevel } from './sender-power-level.ts';

/**
 * State resolution v2 (room versions 2 to 11) and v2.1 (from 12 on). v2.1 replays more events (the conflicted state
 * subgraph) and lets nothing but auth chains decide about them (it begins with an empty state), which avoids state
 * resets where a server was told of a state older than what its events cite.
 *
 * Every event of the state sets and of their auth chains must be in `context.events`.
 * Specification: room versions 2 and 12, "State resolution", "Algorithm".
 */
export function resolveV2(
  stateSets: readonly StateSet[],
  conflictedState: ConflictedState,
  context: ResolutionContext,
): Map<string, string> {
  const replayed = fullConflictedSet(stateSets, conflictedState, context);
  return replayConflicts(conflictedState.unconflicted, replayed, context);
}

/**
 * The events that are replayed: those in conflict, the auth difference, and for v2.1 the conflicted state subgraph. To
 * know them takes only what authorizes what.
 */
export function fullConflictedSet(
  stateSets: readonly StateSet[],
  conflictedState: ConflictedState,
  { version, events }: Pick<ResolutionContext, 'version'> & { readonly events: AuthGraph },
): Set<string> {
  const conflictedEventIds = new Set<string>();
  for (const eventIds of conflictedState.conflicted.values()) for (const id of eventIds) conflictedEventIds.add(id);
  const isV2Point1 = version.stateResolution === 'v2.1';
  return conflictedEventIds
    .union(authDifference(stateSets, conflictedState, events))
    .union(isV2Point1 ? conflictedStateSubgraph(conflictedEventIds, events) : new Set<string>());
}

/**
 * Steps 1 to 5 for these events. Of `unconflicted` only those slots matter that the rules look at for one of them; of
 * the events, they themselves, those of these slots, and the auth chains of both.
 */
export function replayConflicts(
  unconflicted: StateSet,
  replayed: ReadonlySet<string>,
  context: ResolutionContext,
): Map<string, string> {
  const { events, version } = context;
  // 1. Power events, and what they rest on, by reverse topological power ordering.
  const powerLevel = (event: Pdu) => senderPowerLevel(event, context);
  const powerEventIds = powerEventsWithAuthChains(replayed, events);
  const sortedPowerEventIds = reverseTopologicalPowerOrder(powerEventIds, events, powerLevel);

  // 2. Replay them. Only v2 begins with what is not in conflict.
  const initialState: StateSet = version.stateResolution === 'v2.1' ? new Map() : unconflicted;
  const partiallyResolved = iterativeAuthChecks(initialState, sortedPowerEventIds, context);

  // 3. All remaining events, by mainline ordering.
  const remaining = replayed.difference(new Set(sortedPowerEventIds));
  const sortedRemaining = mainlineOrder(remaining, partiallyResolved.get(POWER_LEVELS_KEY), events);

  // 4. Replay them on top.
  const resolved = iterativeAuthChecks(partiallyResolved, sortedRemaining, context);

  // 5. What was never in conflict stands, whatever the replay made of it.
  for (const [key, eventId] of unconflicted) resolved.set(key, eventId);
  return resolved;
}
