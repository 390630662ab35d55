import { POWER_LEVELS_KEY } from '../authorization/room-state.ts';
import type { Pdu } from '../pdu.ts';
import { authDifference } from './auth-difference.ts';
import type { ConflictedState } from './conflicted-state.ts';
import { conflictedStateSubgraph } from './conflicted-state-subgraph.ts';
import type { StateSet } from './event-map.ts';
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
  const { unconflicted, conflicted } = conflictedState;
  const { events, version } = context;
  const isV2Point1 = version.stateResolution === 'v2.1';
  const conflictedEventIds = new Set<string>();
  for (const eventIds of conflicted.values()) for (const eventId of eventIds) conflictedEventIds.add(eventId);

  const fullConflictedSet = conflictedEventIds
    .union(authDifference(stateSets, conflictedState, events))
    .union(isV2Point1 ? conflictedStateSubgraph(conflictedEventIds, events) : new Set<string>());

  // 1. Power events, and what they rest on, by reverse topological power ordering.
  const powerLevel = (event: Pdu) => senderPowerLevel(event, context);
  const powerEventIds = powerEventsWithAuthChains(fullConflictedSet, events);
  const sortedPowerEventIds = reverseTopologicalPowerOrder(powerEventIds, events, powerLevel);

  // 2. Replay them. Only v2 begins with what is not in conflict.
  const initialState: StateSet = isV2Point1 ? new Map() : unconflicted;
  const partiallyResolved = iterativeAuthChecks(initialState, sortedPowerEventIds, context);

  // 3. All remaining events, by mainline ordering.
  const remaining = fullConflictedSet.difference(new Set(sortedPowerEventIds));
  const sortedRemaining = mainlineOrder(remaining, partiallyResolved.get(POWER_LEVELS_KEY), events);

  // 4. Replay them on top.
  const resolved = iterativeAuthChecks(partiallyResolved, sortedRemaining, context);

  // 5. What was never in conflict stands, whatever the replay made of it.
  for (const [key, eventId] of unconflicted) resolved.set(key, eventId);
  return resolved;
}
