import type { Pdu } from '../pdu.ts';

/** Room state by reference: `stateMapKey` to event ID. One of the sets of state that a resolution brings together. */
export type StateSet = ReadonlyMap<string, string>;

/** The events that a resolution may look at, by event ID: those of the state sets and their full auth chains. */
export type EventMap = ReadonlyMap<string, Pdu>;

/** What authorizes what, by event ID: all that walks along auth chains look at. An `EventMap` is one. */
export type AuthGraph = ReadonlyMap<string, Pick<Pdu, 'authEvents'>>;

/**
 * An event that must be there, because `resolveState` looked for missing ones before it began. Asserts: reaching the
 * error is our bug, never bad input.
 */
export function knownEvent(events: EventMap, eventId: string): Pdu {
  const event = events.get(eventId);
  if (event === undefined) throw new Error(`State resolution reached ${eventId}, which was not checked to be there.`);
  return event;
}
