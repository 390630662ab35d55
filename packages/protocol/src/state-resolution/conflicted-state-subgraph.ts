import { authChain } from './auth-chain.ts';
import type { AuthGraph } from './event-map.ts';

/**
 * Every event on a path of `auth_events` from one event of the conflicted state set to another, with both ends: what
 * descends from one conflicted event and is an ancestor of another.
 * Specification: room version 12, "State resolution", "Conflicted state subgraph" (added in v2.1, MSC4297).
 */
export function conflictedStateSubgraph(conflictedEventIds: ReadonlySet<string>, events: AuthGraph): Set<string> {
  const ancestors = authChain(conflictedEventIds, events);
  const citedBy = citationsAmong(ancestors, events);
  const subgraph = new Set<string>(conflictedEventIds);
  const waiting = [...conflictedEventIds];
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    for (const descendant of citedBy.get(eventId) ?? []) {
      if (subgraph.has(descendant)) continue;
      subgraph.add(descendant);
      waiting.push(descendant);
    }
  }
  return subgraph;
}

/** For each of these events, those of them that have it in their `auth_events`. */
function citationsAmong(eventIds: ReadonlySet<string>, events: AuthGraph): Map<string, string[]> {
  const citedBy = new Map<string, string[]>();
  for (const eventId of eventIds) {
    for (const authEventId of events.get(eventId)?.authEvents ?? []) {
      const citing = citedBy.get(authEventId);
      if (citing === undefined) citedBy.set(authEventId, [eventId]);
      else citing.push(eventId);
    }
  }
  return citedBy;
}
