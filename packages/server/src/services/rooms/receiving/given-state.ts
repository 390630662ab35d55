import type { EventStore } from '../event-store.ts';
import type { RoomEvent } from '../room-event.ts';
import { type StateRef, withSlots } from '../state-ref.ts';
import type { StateRefs } from './state-refs.ts';

/** Events read at once. */
const EVENTS_PER_READ = 500;

/** A state that another server told, or what of it is not here. */
export type GivenState =
  | { readonly isComplete: true; readonly state: StateRef }
  | { readonly isComplete: false; readonly missing: readonly string[] };

/** The state that these events make, as what differs from a state of the same room that has snapshots. */
export async function givenState(
  eventIds: readonly string[],
  base: StateRef,
  { refs, events }: { refs: StateRefs; events: EventStore },
): Promise<GivenState> {
  const found = new Map<string, RoomEvent>();
  for (let start = 0; start < eventIds.length; start += EVENTS_PER_READ) {
    const some = await events.byIds(eventIds.slice(start, start + EVENTS_PER_READ));
    for (const [eventId, event] of some) found.set(eventId, event);
  }
  const missing = eventIds.filter((eventId) => !found.has(eventId));
  if (missing.length > 0) return { isComplete: false, missing };
  const told = new Map<number, number>();
  for (const { nid, pdu, isRejected } of found.values()) {
    if (isRejected || pdu.stateKey === undefined) continue;
    const slotNid = await refs.slotNid(pdu.type, pdu.stateKey);
    if (slotNid !== undefined) told.set(slotNid, nid);
  }
  const known = await refs.whole(base);
  const changes = new Map<number, number>();
  for (const [slotNid, eventNid] of told) if (known.get(slotNid) !== eventNid) changes.set(slotNid, eventNid);
  for (const slotNid of known.keys()) if (!told.has(slotNid)) changes.set(slotNid, 0);
  return { isComplete: true, state: withSlots(base, changes) };
}
