import { type Pdu, type StateMap, stateMapKey } from '../pdu.ts';
import type { RoomVersion } from '../room-version.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import { selectAuthEventKeys } from './auth-event-selection.ts';
import { CREATE_KEY } from './room-state.ts';

/**
 * Rule 3 (in versions 1 to 11 rule 2), asked once when an event comes in: whether its `auth_events` are what they may
 * be. `authEvents` are those events themselves, all of them; fetching the ones that are missing, or giving up on the
 * event, comes before. Of `rejectedEventIds` only those among them matter.
 */
export function checkAuthEvents(
  event: Pdu,
  authEvents: readonly Pdu[],
  version: RoomVersion,
  rejectedEventIds: ReadonlySet<string> = new Set(),
): Verdict {
  if (event.type === 'm.room.create') return ALLOWED; // rule 1 has decided
  // 3.1, where the very same event is listed twice
  if (new Set(event.authEvents).size !== event.authEvents.length) return refused('An auth event is listed twice.');
  assertComplete(event, authEvents);
  const selected = selectAuthEventKeys(event, version).map(({ type, stateKey }) => stateMapKey(type, stateKey));
  const allowedKeys = new Set(selected);
  const seenKeys = new Set<string>();
  for (const authEvent of authEvents) {
    const name = `The auth event ${authEvent.eventId} (${authEvent.type})`;
    const key = authEvent.stateKey === undefined ? undefined : stateMapKey(authEvent.type, authEvent.stateKey);
    // 3.1
    if (key !== undefined && seenKeys.has(key)) return refused(`${name} has the state key of another one.`);
    if (key === undefined || !allowedKeys.has(key)) return refused(`${name} does not authorize ${event.type}.`); // 3.2
    if (rejectedEventIds.has(authEvent.eventId)) return refused(`${name} was itself rejected.`); // 3.3
    if (authEvent.roomId !== event.roomId) return refused(`${name} is of another room.`); // 3.4, v1-11: 2.5
    seenKeys.add(key);
  }
  // v1-11: 2.4
  if (!version.roomIdIsCreateHash && !seenKeys.has(CREATE_KEY)) {
    return refused('The auth events lack the m.room.create event.');
  }
  return ALLOWED;
}

/**
 * The state that an event's `auth_events` make, against which it is authorized on receipt. From version 12 on the
 * create event is not among them, and `create` has to be the accepted event that the room ID names.
 */
export function authEventState(authEvents: readonly Pdu[], create: Pdu | undefined): StateMap {
  const state = new Map<string, Pdu>();
  if (create !== undefined) state.set(CREATE_KEY, create);
  for (const authEvent of authEvents) state.set(stateMapKey(authEvent.type, authEvent.stateKey ?? ''), authEvent);
  return state;
}

function assertComplete(event: Pdu, authEvents: readonly Pdu[]): void {
  const given = new Set(authEvents.map(({ eventId }) => eventId));
  if (given.size !== event.authEvents.length || !event.authEvents.every((eventId) => given.has(eventId))) {
    throw new Error(`The auth events of ${event.eventId} must all be loaded before they are checked.`);
  }
}
