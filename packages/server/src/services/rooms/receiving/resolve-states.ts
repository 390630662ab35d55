import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { resolveState } from '@limpet/protocol/state-resolution/resolve-state';
import type { Log } from '../../../platform/log.ts';
import type { Timers } from '../../../platform/timers.ts';
import type { RoomEvent } from '../room-event.ts';
import { identityOf, type StateRef, withSlots } from '../state-ref.ts';
import type { StateRefs } from './state-refs.ts';

/** Events read before everything else gets its turn. */
const EVENTS_PER_READ = 500;

/** Where events are read; a batch that is being planned has its own over those on disk. */
export interface EventSource {
  byNids(nids: readonly number[]): Promise<Map<number, RoomEvent>>;
  byIds(eventIds: readonly string[]): Promise<Map<string, RoomEvent>>;
}

export interface ResolutionParts {
  readonly refs: StateRefs;
  readonly events: EventSource;
  readonly timers: Timers;
  readonly log: Log;
}

/**
 * One state out of several, by the algorithm of the room's version. What the states have in common is not read, and
 * where they do not contradict each other no event is either.
 * Specification: "State resolution" of the room versions.
 */
export async function resolveStates(
  states: readonly StateRef[],
  version: RoomVersion,
  parts: ResolutionParts,
): Promise<StateRef> {
  const distinct = [...new Map(states.map((state) => [identityOf(state), state])).values()];
  const [first, ...others] = distinct;
  if (first === undefined) throw new Error('There is no state to resolve');
  if (others.length === 0) return first;
  const slotNids = await parts.refs.slotsThatMayDiffer(distinct);
  const held = await Promise.all(distinct.map((state) => parts.refs.lookUp(state, slotNids)));
  const disputed = [...slotNids].filter((slotNid) => held.some((one) => one.get(slotNid) !== held[0]?.get(slotNid)));
  if (disputed.length === 0) return first;
  return resolveDisputed({ first, held, disputed, version }, parts);
}

interface Dispute {
  readonly first: StateRef;
  /** Of each state, what the slots hold that may differ. */
  readonly held: readonly ReadonlyMap<number, number>[];
  readonly disputed: readonly number[];
  readonly version: RoomVersion;
}

async function resolveDisputed(dispute: Dispute, parts: ResolutionParts): Promise<StateRef> {
  const { first, held, disputed, version } = dispute;
  const base = await parts.refs.whole(first);
  const isDisputed = new Set(disputed);
  const nids = new Set(held.flatMap((one) => disputed.flatMap((slotNid) => one.get(slotNid) ?? [])));
  for (const [slotNid, eventNid] of base) if (!isDisputed.has(slotNid)) nids.add(eventNid);
  const events = await readWithAuthChains(nids, version, parts);
  const byNid = new Map([...events.values()].map((event) => [event.nid, event]));
  const undisputed = new Map<string, string>();
  for (const [slotNid, eventNid] of base) if (!isDisputed.has(slotNid)) addTo(undisputed, byNid.get(eventNid));
  const stateSets = held.map((one) => {
    const stateSet = new Map(undisputed);
    for (const slotNid of disputed) addTo(stateSet, byNid.get(one.get(slotNid) ?? 0));
    return stateSet;
  });
  const rejectedEventIds = new Set([...events].flatMap(([eventId, { isRejected }]) => (isRejected ? [eventId] : [])));
  const pdus = new Map<string, Pdu>([...events].map(([eventId, { pdu }]) => [eventId, pdu]));
  const resolution = resolveState({ version, stateSets, events: pdus, rejectedEventIds });
  if (!resolution.resolved) {
    // Events are kept with what authorizes them, so this is an old hole in the graph. Any answer would be a guess.
    parts.log.error('The state of a room could not be resolved; that of the first branch goes on', {
      reason: resolution.reason,
    });
    return first;
  }
  return withSlots(first, await differences({ base, resolved: resolution.state, events }, parts));
}

function addTo(stateSet: Map<string, string>, event: RoomEvent | undefined): void {
  if (event !== undefined) stateSet.set(stateMapKey(event.pdu.type, event.pdu.stateKey ?? ''), event.pdu.eventId);
}

/** The events of these nids and all that authorizes them, by event ID. */
async function readWithAuthChains(
  nids: ReadonlySet<number>,
  version: RoomVersion,
  { events, timers }: ResolutionParts,
): Promise<Map<string, RoomEvent>> {
  const found = new Map<string, RoomEvent>();
  const asked = new Set<string>();
  let next: string[] = [];
  const take = (event: RoomEvent) => {
    const { pdu } = event;
    found.set(pdu.eventId, event);
    const createId = version.roomIdIsCreateHash ? [`$${pdu.roomId.slice(1)}`] : [];
    for (const eventId of [...pdu.authEvents, ...createId]) {
      if (found.has(eventId) || asked.has(eventId)) continue;
      asked.add(eventId);
      next.push(eventId);
    }
  };
  await inSlices([...nids], timers, async (some) => {
    for (const event of (await events.byNids(some)).values()) take(event);
  });
  while (next.length > 0) {
    const missing = next.filter((eventId) => !found.has(eventId));
    next = [];
    await inSlices(missing, timers, async (some) => {
      for (const event of (await events.byIds(some)).values()) take(event);
    });
  }
  return found;
}

async function inSlices<T>(all: readonly T[], timers: Timers, read: (some: readonly T[]) => Promise<void>) {
  for (let start = 0; start < all.length; start += EVENTS_PER_READ) {
    if (start > 0) await new Promise<void>((resolve) => timers.after(0, resolve));
    await read(all.slice(start, start + EVENTS_PER_READ));
  }
}

interface Resolved {
  readonly base: ReadonlyMap<number, number>;
  readonly resolved: ReadonlyMap<string, string>;
  readonly events: ReadonlyMap<string, RoomEvent>;
}

async function differences(
  { base, resolved, events }: Resolved,
  { refs }: ResolutionParts,
): Promise<Map<number, number>> {
  const inBase = new Set(base.values());
  const changes = new Map<number, number>();
  const kept = new Set<number>();
  for (const eventId of resolved.values()) {
    const event = events.get(eventId);
    if (event === undefined) throw new Error(`State resolution brought up ${eventId} from nowhere`);
    if (inBase.has(event.nid)) {
      kept.add(event.nid);
      continue;
    }
    const slotNid = await refs.slotNid(event.pdu.type, event.pdu.stateKey ?? '');
    if (slotNid === undefined) throw new Error(`The state event ${event.nid} has no slot`);
    changes.set(slotNid, event.nid);
  }
  for (const [slotNid, eventNid] of base) {
    if (!kept.has(eventNid) && !changes.has(slotNid)) changes.set(slotNid, 0);
  }
  return changes;
}
