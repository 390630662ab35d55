/**
 * For tests: state resolution v2 and v2.1 a second time, as their definitions read and without regard to cost: sets by
 * asking of every event of the room whether it belongs, orders by searching for the next one. What takes no clever walk
 * (the rules, power levels, the tie-break) is shared with the code under test.
 */
import { POWER_LEVELS_KEY } from '../../authorization/room-state.ts';
import type { Pdu } from '../../pdu.ts';
import { compareByTimeAndId } from '../compare-events.ts';
import { separateConflictedState } from '../conflicted-state.ts';
import { type EventMap, knownEvent, type StateSet } from '../event-map.ts';
import { iterativeAuthChecks } from '../iterative-auth-checks.ts';
import { isPowerEvent } from '../power-events.ts';
import type { ResolutionContext } from '../resolution-context.ts';
import { senderPowerLevel } from '../sender-power-level.ts';
import type { GrownRoom } from './random-rooms.ts';

export function resolveByDefinition(stateSets: readonly StateSet[], room: GrownRoom): Map<string, string> {
  const context = { ...room, rejectedEventIds: new Set<string>() };
  const { unconflicted } = separateConflictedState(stateSets);
  const full = fullConflictedSet(stateSets, room);
  const powerOrder = powerOrderByDefinition(full, context);
  const initialState: StateSet = room.version.stateResolution === 'v2' ? unconflicted : new Map();
  const partial = iterativeAuthChecks(initialState, powerOrder, context);
  const rest = [...full].filter((eventId) => !powerOrder.includes(eventId));
  const mainlineOrder = mainlineOrderByDefinition(rest, partial.get(POWER_LEVELS_KEY), room.events);
  return new Map([...iterativeAuthChecks(partial, mainlineOrder, context), ...unconflicted]);
}

export function fullConflictedSet(stateSets: readonly StateSet[], { events, version }: GrownRoom): Set<string> {
  const { conflicted } = separateConflictedState(stateSets);
  const conflictedIds = [...conflicted.values()].flatMap((eventIds) => [...eventIds]);
  const leadsTo = reachability(events);
  const chainHas = (stateSet: StateSet, eventId: string) => [...stateSet.values()].some((id) => leadsTo(id, eventId));
  const belongs = (eventId: string) => {
    const setsWith = stateSets.filter((stateSet) => chainHas(stateSet, eventId)).length;
    const isBetween =
      conflictedIds.some((end) => leadsTo(eventId, end)) && conflictedIds.some((end) => leadsTo(end, eventId));
    return (
      conflictedIds.includes(eventId) ||
      (setsWith > 0 && setsWith < stateSets.length) ||
      (version.stateResolution === 'v2.1' && isBetween)
    );
  };
  return new Set([...events.keys()].filter(belongs));
}

/** Whether an event has another one in its auth chain. */
export function reachability(events: EventMap): (from: string, to: string) => boolean {
  const chains = new Map<string, Set<string>>();
  const chainOf = (eventId: string): Set<string> => {
    const chain = chains.get(eventId) ?? new Set<string>();
    if (chains.has(eventId)) return chain;
    chains.set(eventId, chain);
    for (const authEventId of knownEvent(events, eventId).authEvents) {
      for (const one of [authEventId, ...chainOf(authEventId)]) chain.add(one);
    }
    return chain;
  };
  return (from, to) => chainOf(from).has(to);
}

/** Step 1: again and again the least of the events of which no auth event is still to come. */
function powerOrderByDefinition(full: ReadonlySet<string>, context: ResolutionContext): string[] {
  const { events } = context;
  const authEventsInside = (eventId: string) => knownEvent(events, eventId).authEvents.filter((id) => full.has(id));
  const waiting = new Set([...full].filter((eventId) => isPowerEvent(knownEvent(events, eventId))));
  for (const eventId of waiting) for (const authEventId of authEventsInside(eventId)) waiting.add(authEventId);
  const order: string[] = [];
  while (waiting.size > 0) {
    const ready = [...waiting].filter((eventId) => !authEventsInside(eventId).some((id) => waiting.has(id)));
    const [next] = ready
      .map((eventId) => knownEvent(events, eventId))
      .sort((left, right) => before(left, right, context));
    if (next === undefined) throw new Error('The auth events form a ring.');
    order.push(next.eventId);
    waiting.delete(next.eventId);
  }
  return order;
}

function before(left: Pdu, right: Pdu, context: ResolutionContext): number {
  const leftLevel = senderPowerLevel(left, context);
  const rightLevel = senderPowerLevel(right, context);
  if (leftLevel > rightLevel) return -1;
  return leftLevel < rightLevel ? 1 : compareByTimeAndId(left, right);
}

/** Step 3. */
function mainlineOrderByDefinition(eventIds: readonly string[], top: string | undefined, events: EventMap): string[] {
  const lineOf = (eventId: string): string[] => {
    const authEventIds = knownEvent(events, eventId).authEvents;
    const powerLevels = authEventIds.find((id) => knownEvent(events, id).type === 'm.room.power_levels');
    return powerLevels === undefined ? [] : [powerLevels, ...lineOf(powerLevels)];
  };
  const mainline = top === undefined ? [] : [top, ...lineOf(top)];
  const position = (event: Pdu) => {
    const closest = lineOf(event.eventId).find((eventId) => mainline.includes(eventId));
    return closest === undefined ? mainline.length : mainline.indexOf(closest);
  };
  const sorted = eventIds.map((eventId) => knownEvent(events, eventId));
  sorted.sort((left, right) => position(right) - position(left) || compareByTimeAndId(left, right));
  return sorted.map(({ eventId }) => eventId);
}
