import { selectAuthEventKeys } from '../authorization/auth-event-selection.ts';
import { authorizeEvent } from '../authorization/authorize-event.ts';
import { CREATE_KEY } from '../authorization/room-state.ts';
import { type Pdu, type StateMap, stateMapKey } from '../pdu.ts';
import { knownEvent, type StateSet } from './event-map.ts';
import { type ResolutionContext, stateOfAuthEvents } from './resolution-context.ts';

/**
 * Applies sorted events to a state one after the other, each if the authorization rules allow it in the state reached
 * so far. What is needed for that and not there comes from the event's own auth events. Refused events are passed over.
 * Specification: room version 2, "State resolution", "Iterative auth checks".
 */
export function iterativeAuthChecks(
  initialState: StateSet,
  sortedEventIds: Iterable<string>,
  context: ResolutionContext,
): Map<string, string> {
  const state = new Map(initialState);
  for (const eventId of sortedEventIds) {
    const event = knownEvent(context.events, eventId);
    if (event.stateKey === undefined) continue;
    const verdict = authorizeEvent(event, authorizingState(event, state, context), context.version);
    if (verdict.allowed) state.set(stateMapKey(event.type, event.stateKey), eventId);
  }
  return state;
}

/** The part of the state that the rules look at for this event, filled up from its own auth events. */
function authorizingState(event: Pdu, state: StateSet, context: ResolutionContext): StateMap {
  const ownState = stateOfAuthEvents(event, context);
  const authorizing = new Map<string, Pdu>();
  for (const key of keysThatAuthorize(event, context)) {
    const eventId = state.get(key);
    const stateEvent = eventId === undefined ? ownState.get(key) : knownEvent(context.events, eventId);
    if (stateEvent !== undefined) authorizing.set(key, stateEvent);
  }
  return authorizing;
}

/** The slots of the state that the rules look at for this event, the create event's always among them. */
export function keysThatAuthorize(event: Pdu, { version }: ResolutionContext): Set<string> {
  const keys = new Set([CREATE_KEY]);
  for (const { type, stateKey } of selectAuthEventKeys(event, version)) keys.add(stateMapKey(type, stateKey));
  return keys;
}
