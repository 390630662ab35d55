import { contentOf, type Pdu } from '../pdu.ts';
import { type EventMap, knownEvent } from './event-map.ts';

/**
 * The power events of the full conflicted set, and the events of their auth chains that belong to it too: the set *X*
 * that step 1 sorts.
 *
 * Specification: room version 12, "State resolution", "Algorithm", step 1. Auth chains are followed inside the full
 * conflicted set only, as the servers in use do.
 */
export function powerEventsWithAuthChains(fullConflictedSet: ReadonlySet<string>, events: EventMap): Set<string> {
  const reached = new Set<string>();
  const waiting: string[] = [];
  const enter = (eventId: string) => {
    if (reached.has(eventId) || !fullConflictedSet.has(eventId)) return;
    reached.add(eventId);
    waiting.push(eventId);
  };
  for (const eventId of fullConflictedSet) if (isPowerEvent(knownEvent(events, eventId))) enter(eventId);
  for (let eventId = waiting.pop(); eventId !== undefined; eventId = waiting.pop()) {
    for (const authEventId of knownEvent(events, eventId).authEvents) enter(authEventId);
  }
  return reached;
}

/**
 * Whether the event may take from someone what they were able to do: power levels, join rules, and memberships `leave`
 * and `ban` given by somebody else. Power levels and join rules have the empty state key by definition.
 * Specification: room version 2, "State resolution", "Power events".
 */
export function isPowerEvent(event: Pdu): boolean {
  if (event.type === 'm.room.power_levels' || event.type === 'm.room.join_rules') return event.stateKey === '';
  if (event.type !== 'm.room.member' || event.stateKey === undefined) return false;
  const membership = contentOf(event, 'membership');
  return (membership === 'leave' || membership === 'ban') && event.sender !== event.stateKey;
}
