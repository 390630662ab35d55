import type { KnownEvents } from './known-events.ts';
import type { GraphEvent } from './order-events.ts';

/** Of an event, what it rests on. */
export interface RestingEvent extends GraphEvent {
  readonly authEvents: readonly string[];
}

/** All that these events rest on: whose presence has to be looked up before anything is decided about them. */
export function restsOn(events: Iterable<RestingEvent>): string[] {
  const ids = new Set<string>();
  for (const { prevEvents, authEvents } of events) {
    for (const eventId of prevEvents) ids.add(eventId);
    for (const eventId of authEvents) ids.add(eventId);
  }
  return [...ids];
}

/** The previous events that are neither placed nor among these. */
export function missingPrevEvents(
  events: ReadonlyMap<string, RestingEvent>,
  known: Pick<KnownEvents, 'isPlaced' | 'isHere'>,
): Set<string> {
  const missing = new Set<string>();
  for (const { prevEvents } of events.values()) {
    for (const eventId of prevEvents) if (!known.isPlaced(eventId) && !events.has(eventId)) missing.add(eventId);
  }
  return missing;
}

/** The events that authorize, and are neither here nor among these. */
export function missingAuthEvents(
  events: ReadonlyMap<string, RestingEvent>,
  known: Pick<KnownEvents, 'isPlaced' | 'isHere'>,
): Set<string> {
  const missing = new Set<string>();
  for (const { authEvents } of events.values()) {
    for (const eventId of authEvents) if (!known.isHere(eventId) && !events.has(eventId)) missing.add(eventId);
  }
  return missing;
}

/**
 * Splits events that are ordered (`order-events.ts`) into those that can be received and those that rest, directly or
 * through others, on something that is not here. `withState`: the state before these is known from elsewhere.
 */
export function splitReady<Event extends RestingEvent>(
  ordered: readonly Event[],
  known: Pick<KnownEvents, 'isPlaced' | 'isHere'>,
  withState: ReadonlySet<string> = new Set(),
): { readonly ready: readonly Event[]; readonly waiting: readonly Event[] } {
  const readyIds = new Set<string>();
  const ready: Event[] = [];
  const waiting: Event[] = [];
  for (const event of ordered) {
    const hasState =
      withState.has(event.eventId) || event.prevEvents.every((id) => known.isPlaced(id) || readyIds.has(id));
    const isReady = hasState && event.authEvents.every((id) => known.isHere(id) || readyIds.has(id));
    (isReady ? ready : waiting).push(event);
    if (isReady) readyIds.add(event.eventId);
  }
  return { ready, waiting };
}
