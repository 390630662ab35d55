import { type Pdu, stateMapKey } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { type EventMap, knownEvent } from './event-map.ts';

/** What every step of a resolution looks at. */
export interface ResolutionContext {
  readonly version: RoomVersion;
  readonly events: EventMap;
  /** Events that did not pass the authorization rules: never taken as somebody's auth events. */
  readonly rejectedEventIds: ReadonlySet<string>;
}

/**
 * The state that an event's own auth events make up, rejected ones left out. Where the room ID is the hash of the
 * create event, no event cites that one, and it is found by the room ID (room version 12, authorization rule 2).
 */
export function stateOfAuthEvents(
  event: Pdu,
  { version, events, rejectedEventIds }: ResolutionContext,
): Map<string, Pdu> {
  const state = new Map<string, Pdu>();
  const citesNoCreate = version.roomIdIsCreateHash && event.type !== 'm.room.create';
  for (const authEventId of citesNoCreate ? [...event.authEvents, createEventId(event)] : event.authEvents) {
    if (rejectedEventIds.has(authEventId)) continue;
    const authEvent = knownEvent(events, authEventId);
    if (authEvent.stateKey === undefined) continue;
    const key = stateMapKey(authEvent.type, authEvent.stateKey);
    if (!state.has(key)) state.set(key, authEvent);
  }
  return state;
}

/** The ID of the create event of a room whose ID is the hash of it: the sigil is all that differs. */
export function createEventId(event: Pdu): string {
  return `$${event.roomId.slice(1)}`;
}
