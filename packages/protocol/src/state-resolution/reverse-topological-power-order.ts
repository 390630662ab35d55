import type { Pdu } from '../pdu.ts';
import { compareByTimeAndId } from './compare-events.ts';
import { type EventMap, knownEvent } from './event-map.ts';
import { PriorityQueue } from './priority-queue.ts';

/**
 * Sorts events so that each one stands after those of its `auth_events` that are in the set, and among the many such
 * orders gives the lexicographically smallest: the sender of greater power first, then the earlier time, then the
 * lesser event ID. `senderPowerLevel` is the power level of an event's sender by that event's own auth events.
 *
 * Events on a ring of auth events have no place in such an order and are left out.
 * Specification: room version 2, "State resolution", "Reverse topological power ordering", by Kahn's algorithm.
 */
export function reverseTopologicalPowerOrder(
  eventIds: ReadonlySet<string>,
  events: EventMap,
  senderPowerLevel: (event: Pdu) => number,
): string[] {
  const { citedBy, unplacedAuthEvents } = graphOf(eventIds, events);
  const candidates = new PriorityQueue<Candidate>(compareCandidates);
  const offer = (eventId: string) => {
    const event = knownEvent(events, eventId);
    candidates.push({ event, powerLevel: senderPowerLevel(event) });
  };
  for (const [eventId, count] of unplacedAuthEvents) if (count === 0) offer(eventId);

  const ordered: string[] = [];
  for (let next = candidates.pop(); next !== undefined; next = candidates.pop()) {
    const { eventId } = next.event;
    ordered.push(eventId);
    for (const citing of citedBy.get(eventId) ?? []) {
      const count = (unplacedAuthEvents.get(citing) ?? 0) - 1;
      unplacedAuthEvents.set(citing, count);
      if (count === 0) offer(citing);
    }
  }
  return ordered;
}

interface Candidate {
  readonly event: Pdu;
  readonly powerLevel: number;
}

function compareCandidates(left: Candidate, right: Candidate): number {
  if (left.powerLevel !== right.powerLevel) return left.powerLevel > right.powerLevel ? -1 : 1;
  return compareByTimeAndId(left.event, right.event);
}

interface AuthGraph {
  /** Event to the events of the set that have it in their `auth_events`. */
  readonly citedBy: Map<string, string[]>;
  /** Event to the number of its auth events in the set that have no place yet. */
  readonly unplacedAuthEvents: Map<string, number>;
}

function graphOf(eventIds: ReadonlySet<string>, events: EventMap): AuthGraph {
  const citedBy = new Map<string, string[]>();
  const unplacedAuthEvents = new Map<string, number>();
  for (const eventId of eventIds) {
    const authEventIds = new Set(knownEvent(events, eventId).authEvents.filter((id) => eventIds.has(id)));
    unplacedAuthEvents.set(eventId, authEventIds.size);
    for (const authEventId of authEventIds) {
      const citing = citedBy.get(authEventId);
      if (citing === undefined) citedBy.set(authEventId, [eventId]);
      else citing.push(eventId);
    }
  }
  return { citedBy, unplacedAuthEvents };
}
