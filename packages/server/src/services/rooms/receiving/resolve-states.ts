import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { authChain } from '@limpet/protocol/state-resolution/auth-chain';
import { separateConflictedState } from '@limpet/protocol/state-resolution/conflicted-state';
import type { StateSet } from '@limpet/protocol/state-resolution/event-map';
import { keysThatAuthorize } from '@limpet/protocol/state-resolution/iterative-auth-checks';
import { resolveState } from '@limpet/protocol/state-resolution/resolve-state';
import { fullConflictedSet, replayConflicts } from '@limpet/protocol/state-resolution/resolve-v2';
import type { Log } from '../../../platform/log.ts';
import type { RoomEvent } from '../room-event.ts';
import { identityOf, type StateRef, withSlots } from '../state-ref.ts';
import type { AuthGraphReader, AuthNode } from './auth-graph.ts';
import type { StateRefs } from './state-refs.ts';

/** Where events are read; a batch that is being planned has its own over those on disk. */
export interface EventSource {
  byNids(nids: readonly number[]): Promise<Map<number, RoomEvent>>;
  byIds(eventIds: readonly string[]): Promise<Map<string, RoomEvent>>;
  /** Of these numbers, the events that are planned and not on disk. */
  plannedAmong(nids: Iterable<number>): readonly RoomEvent[];
}

export interface ResolutionParts {
  readonly refs: StateRefs;
  readonly events: EventSource;
  readonly authGraph: AuthGraphReader;
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
  const resolution = new Resolution({ first, held, disputed, version }, parts);
  return version.stateResolution === 'v1' ? resolution.byV1() : resolution.byV2();
}

interface Dispute {
  readonly first: StateRef;
  /** Of each state, what the slots hold that may differ. */
  readonly held: readonly ReadonlyMap<number, number>[];
  /** Slots that do differ. */
  readonly disputed: readonly number[];
  readonly version: RoomVersion;
}

class Resolution {
  readonly #dispute: Dispute;
  readonly #parts: ResolutionParts;

  constructor(dispute: Dispute, parts: ResolutionParts) {
    this.#dispute = dispute;
    this.#parts = parts;
  }

  /**
   * Chains are walked over IDs alone; events are read only where they are replayed, or looked at by the rules. Of the
   * slots that nobody disputes it takes the IDs, so that the auth difference is exact.
   */
  async byV2(): Promise<StateRef> {
    const { first, disputed, version } = this.#dispute;
    const { refs, events, authGraph } = this.#parts;
    const undisputed = await refs.whole(first);
    for (const slotNid of disputed) undisputed.delete(slotNid);
    const conflicting = await this.#conflicting();
    const nids = [...undisputed.values(), ...conflicting.keys()];
    const graph = await authGraph.withChains(nids, events.plannedAmong(nids).map(nodeOf));
    const idOf = new Map([...graph.values()].map(({ nid, eventId }) => [nid, eventId]));
    // Nobody looks at which slot an ID is of here: any name will do that is not disputed.
    const common = new Map([...undisputed].map(([slotNid, nid]) => [`${slotNid}`, idOf.get(nid) ?? '']));
    const stateSets = this.#stateSets(conflicting, common);
    const conflicts = separateConflictedState(stateSets);
    const replayed = fullConflictedSet(stateSets, conflicts, { version, events: graph });
    return this.#replay({ replayed, graph, undisputed });
  }

  async #replay({ replayed, graph, undisputed }: Replay): Promise<StateRef> {
    const { version } = this.#dispute;
    const { events } = this.#parts;
    const first = await events.byIds([...replayed]);
    const context = { version, events: pdusOf(first), rejectedEventIds: rejectedAmong(first) };
    const keys = new Set([...first.values()].flatMap(({ pdu }) => [...keysThatAuthorize(pdu, context)]));
    const needed = await this.#heldUndisputed(keys, undisputed);
    const ids = [...replayed, ...[...needed.values()].map(({ pdu }) => pdu.eventId)];
    const create = version.roomIdIsCreateHash ? [...first.values()].slice(0, 1).map(createIdOf) : [];
    const all = await events.byIds([...new Set([...ids, ...create, ...authChain([...ids, ...create], graph)])]);
    const unconflicted = new Map([...needed].map(([key, { pdu }]) => [key, pdu.eventId]));
    const missing = [...authChain(ids, graph)].filter((eventId) => !all.has(eventId));
    if (missing.length > 0) return this.#giveUp(missing);
    const resolved = replayConflicts(unconflicted, replayed, {
      version,
      events: pdusOf(all),
      rejectedEventIds: rejectedAmong(all),
    });
    return this.#apply(resolved, undisputed, all);
  }

  /** The first algorithm looks at little, and its rooms are few: it gets everything. */
  async byV1(): Promise<StateRef> {
    const { first, disputed, version } = this.#dispute;
    const { refs, events } = this.#parts;
    const undisputed = await refs.whole(first);
    for (const slotNid of disputed) undisputed.delete(slotNid);
    const conflicting = await this.#conflicting();
    const common = new Map<string, string>();
    const held = await events.byNids([...undisputed.values()]);
    for (const { pdu } of held.values()) common.set(keyOf(pdu), pdu.eventId);
    const stateSets = this.#stateSets(conflicting, common);
    const all = new Map([...held.values(), ...conflicting.values()].map((event) => [event.pdu.eventId, event]));
    const rejectedEventIds = rejectedAmong(all);
    const resolution = resolveState({ version, stateSets, events: pdusOf(all), rejectedEventIds });
    return resolution.resolved
      ? this.#apply(resolution.state, undisputed, all)
      : this.#giveUp(resolution.missingEventIds);
  }

  /** The events that are in conflict, by number. */
  #conflicting(): Promise<Map<number, RoomEvent>> {
    const { held, disputed } = this.#dispute;
    return this.#parts.events.byNids([
      ...new Set(held.flatMap((one) => disputed.flatMap((slotNid) => one.get(slotNid) ?? []))),
    ]);
  }

  #stateSets(conflicting: ReadonlyMap<number, RoomEvent>, common: StateSet): StateSet[] {
    const { held, disputed } = this.#dispute;
    return held.map((one) => {
      const stateSet = new Map(common);
      for (const slotNid of disputed) {
        const event = conflicting.get(one.get(slotNid) ?? 0);
        if (event !== undefined) stateSet.set(keyOf(event.pdu), event.pdu.eventId);
      }
      return stateSet;
    });
  }

  /** What the slots of these keys hold that nobody disputes. */
  async #heldUndisputed(
    keys: ReadonlySet<string>,
    undisputed: ReadonlyMap<number, number>,
  ): Promise<Map<string, RoomEvent>> {
    const nids: number[] = [];
    for (const key of keys) {
      const { type, stateKey } = slotOf(key);
      const slotNid = await this.#parts.refs.slotNid(type, stateKey);
      const nid = slotNid === undefined ? undefined : undisputed.get(slotNid);
      if (nid !== undefined) nids.push(nid);
    }
    const events = await this.#parts.events.byNids(nids);
    return new Map([...events.values()].map((event) => [keyOf(event.pdu), event]));
  }

  /** What is not disputed stands; the rest becomes what was resolved, or empty. */
  async #apply(
    resolved: StateSet,
    undisputed: ReadonlyMap<number, number>,
    events: ReadonlyMap<string, RoomEvent>,
  ): Promise<StateRef> {
    const { first, disputed } = this.#dispute;
    const changes = new Map<number, number>(disputed.map((slotNid) => [slotNid, 0]));
    for (const [key, eventId] of resolved) {
      const event = events.get(eventId);
      if (event === undefined) throw new Error(`State resolution brought up ${eventId} from nowhere`);
      const { type, stateKey } = slotOf(key);
      const slotNid = await this.#parts.refs.slotNid(type, stateKey);
      if (slotNid === undefined) throw new Error(`The state event ${event.nid} has no slot`);
      if (!undisputed.has(slotNid)) changes.set(slotNid, event.nid);
    }
    return withSlots(first, changes);
  }

  /** Events are kept with what authorizes them, so this is an old hole in the graph. Any answer would be a guess. */
  #giveUp(missing: readonly string[]): StateRef {
    const text = 'The state of a room could not be resolved; that of the first branch goes on';
    this.#parts.log.error(text, { missing: missing.slice(0, 10), count: missing.length });
    return this.#dispute.first;
  }
}

interface Replay {
  readonly replayed: ReadonlySet<string>;
  readonly graph: ReadonlyMap<string, AuthNode>;
  readonly undisputed: ReadonlyMap<number, number>;
}

function keyOf({ type, stateKey = '' }: Pdu): string {
  return stateMapKey(type, stateKey);
}

/** The type has no NUL; a state key may. */
function slotOf(key: string): { type: string; stateKey: string } {
  const end = key.indexOf('\0');
  return { type: key.slice(0, end), stateKey: key.slice(end + 1) };
}

function nodeOf({ nid, pdu }: RoomEvent): AuthNode {
  return { nid, eventId: pdu.eventId, authEvents: pdu.authEvents };
}

function createIdOf({ pdu }: RoomEvent): string {
  return `$${pdu.roomId.slice(1)}`;
}

function pdusOf(events: ReadonlyMap<string, RoomEvent>): Map<string, Pdu> {
  return new Map([...events].map(([eventId, { pdu }]) => [eventId, pdu]));
}

function rejectedAmong(events: ReadonlyMap<string, RoomEvent>): Set<string> {
  return new Set([...events].flatMap(([eventId, { isRejected }]) => (isRejected ? [eventId] : [])));
}
