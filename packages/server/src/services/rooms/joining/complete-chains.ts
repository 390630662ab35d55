import { stateMapKey } from '@limpet/protocol/pdu';
import type { ReceivedEvent } from '../received-event.ts';

/** Events by ID. */
export type EventsById = ReadonlyMap<string, ReceivedEvent>;

/** What is named in `auth_events` and is neither among these events nor known otherwise. */
export function missingAuthEvents(events: EventsById, isKnown: (eventId: string) => boolean): string[] {
  const missing = new Set<string>();
  for (const { pdu } of events.values()) {
    for (const eventId of pdu.authEvents) if (!events.has(eventId) && !isKnown(eventId)) missing.add(eventId);
  }
  return [...missing];
}

/**
 * Those of the events whose whole auth chain is there, what authorizes before what it authorizes. Events in a circle
 * are not among them. No recursion: a chain may be as long as an answer is large.
 */
export function withCompleteChains(
  events: EventsById,
  isKnown: (eventId: string) => boolean,
): Map<string, ReceivedEvent> {
  const waitingFor = new Map<string, number>();
  const dependants = new Map<string, string[]>();
  const ready: string[] = [];
  for (const [eventId, { pdu }] of events) {
    const open = new Set(pdu.authEvents.filter((authId) => events.has(authId) || !isKnown(authId)));
    waitingFor.set(eventId, open.size);
    if (open.size === 0) ready.push(eventId);
    for (const authId of open) {
      const list = dependants.get(authId);
      if (list === undefined) dependants.set(authId, [eventId]);
      else list.push(eventId);
    }
  }
  const complete = new Map<string, ReceivedEvent>();
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    const event = events.get(next);
    if (event !== undefined) complete.set(next, event);
    for (const dependant of dependants.get(next) ?? []) {
      const left = (waitingFor.get(dependant) ?? 0) - 1;
      waitingFor.set(dependant, left);
      if (left === 0) ready.push(dependant);
    }
  }
  return complete;
}

/** Whether no two of these state events are for the same slot, and all of them are for one. */
export function isOneState(events: Iterable<ReceivedEvent>): boolean {
  const slots = new Set<string>();
  let count = 0;
  for (const { pdu } of events) {
    if (pdu.stateKey === undefined) return false;
    slots.add(stateMapKey(pdu.type, pdu.stateKey));
    count++;
  }
  return slots.size === count;
}
