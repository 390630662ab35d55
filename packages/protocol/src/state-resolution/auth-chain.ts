import type { AuthGraph } from './event-map.ts';

/**
 * The union of the auth chains of these events: all that their `auth_events` lead to, back to the start of the room. An
 * event itself is not of its own chain, but of another's where that one leads to it. An ID that `events` does not have
 * is part of the result and leads nowhere.
 *
 * `stopAt` holds IDs not to enter, with all that lies behind them: a chain that was walked before.
 *
 * Walks with a list of its own, so a chain a million events deep costs memory and no call stack, and enters each event
 * once, so a ring of auth events (possible where servers choose event IDs) ends too. Its bound is the number of events.
 * Specification: room version 2, "State resolution", "Auth chain".
 */
export function authChain(
  eventIds: Iterable<string>,
  events: AuthGraph,
  stopAt: ReadonlySet<string> = NOTHING,
): Set<string> {
  const chain = new Set<string>();
  const waiting: string[] = [];
  const enterAuthEventsOf = (eventId: string) => {
    for (const authEventId of events.get(eventId)?.authEvents ?? []) {
      if (chain.has(authEventId) || stopAt.has(authEventId)) continue;
      chain.add(authEventId);
      waiting.push(authEventId);
    }
  };
  for (const eventId of eventIds) enterAuthEventsOf(eventId);
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) enterAuthEventsOf(eventId);
  return chain;
}

const NOTHING: ReadonlySet<string> = new Set();
