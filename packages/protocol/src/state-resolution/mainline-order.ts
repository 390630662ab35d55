import type { Pdu } from '../pdu.ts';
import { compareByTimeAndId } from './compare-events.ts';
import { type EventMap, knownEvent } from './event-map.ts';

/**
 * Sorts events by the epoch of power levels that they belong to, the oldest first, then by time and event ID.
 * `powerLevelsEventId` is the power levels event *P* that the mainline starts from; without one every event has the
 * position of those that lead to no event of the mainline, so that time and event ID decide.
 * Specification: room version 2, "State resolution", "Mainline ordering".
 */
export function mainlineOrder(
  eventIds: Iterable<string>,
  powerLevelsEventId: string | undefined,
  events: EventMap,
): string[] {
  const mainline = mainlinePositions(powerLevelsEventId, events);
  const closest = new Map<string, number>();
  const placed = Array.from(eventIds, (eventId) => {
    const event = knownEvent(events, eventId);
    return { event, position: mainlinePosition(event, mainline, { events, closest }) };
  });
  placed.sort((left, right) => {
    if (left.position !== right.position) return left.position > right.position ? -1 : 1;
    return compareByTimeAndId(left.event, right.event);
  });
  return placed.map(({ event }) => event.eventId);
}

/** The mainline of *P*: each of its power levels events to its index, *P* itself being 0. */
function mainlinePositions(powerLevelsEventId: string | undefined, events: EventMap): Map<string, number> {
  const positions = new Map<string, number>();
  let eventId = powerLevelsEventId;
  while (eventId !== undefined && !positions.has(eventId)) {
    positions.set(eventId, positions.size);
    eventId = powerLevelsOf(knownEvent(events, eventId), events);
  }
  return positions;
}

/**
 * The index of the first event of the mainline on the event's own line of power levels, or infinity. `closest` keeps
 * what was found for each power levels event passed, so that many events on one long line cost one walk.
 */
function mainlinePosition(
  event: Pdu,
  mainline: ReadonlyMap<string, number>,
  { events, closest }: { events: EventMap; closest: Map<string, number> },
): number {
  const passed = new Set<string>();
  let eventId = powerLevelsOf(event, events);
  let position: number | undefined;
  while (eventId !== undefined && position === undefined && !passed.has(eventId)) {
    passed.add(eventId);
    position = mainline.get(eventId) ?? closest.get(eventId);
    eventId = powerLevelsOf(knownEvent(events, eventId), events);
  }
  const found = position ?? Number.POSITIVE_INFINITY;
  for (const passedId of passed) closest.set(passedId, found);
  return found;
}

/** The `m.room.power_levels` event among the auth events of this one. */
function powerLevelsOf(event: Pdu, events: EventMap): string | undefined {
  return event.authEvents.find((authEventId) => {
    const authEvent = knownEvent(events, authEventId);
    return authEvent.type === 'm.room.power_levels' && authEvent.stateKey === '';
  });
}
