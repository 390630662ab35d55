import { type Pdu, type StateMap, stateMapKey } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { selectAcceptedChildren, selectRedactionsOf } from '../../../storage/queries/event-graph.ts';
import type { Storage } from '../../../storage/storage.ts';
import type { EventStore } from '../event-store.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomEvent } from '../room-event.ts';
import type { Slot, SlotTable } from '../slot-table.ts';
import { identityOf, type StateRef } from '../state-ref.ts';
import { type ResolutionParts, resolveStates } from './resolve-states.ts';
import { authorizingKeys, type StateRefs } from './state-refs.ts';

/** Numbers that one event may take: its own, its slot's, and those of its snapshots with a root. */
const NIDS_PER_EVENT = 6;

export interface PlanningParts extends Omit<ResolutionParts, 'events'> {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly slots: SlotTable;
  readonly version: RoomVersion;
  readonly isToBeSent: boolean;
  /** Kept when all that was decided before is on disk. */
  readonly written: () => Promise<void>;
  /** Whether an event that was accepted is to be shown later (E5). */
  readonly isToBeHeld: (event: ReceivedEvent) => boolean;
}

/** What planning a batch of events looks at: what is on disk, and over it what the batch brings. */
export class Planning {
  readonly storage: Storage;
  readonly refs: StateRefs;
  readonly isToBeSent: boolean;
  readonly isToBeHeld: (event: ReceivedEvent) => boolean;
  readonly #parts: PlanningParts;
  readonly #known = new Map<string, RoomEvent>();
  readonly #looked = new Set<string>();
  readonly #planned = new Map<number, { readonly event: RoomEvent; readonly after: StateRef }>();
  readonly #resolved = new Map<string, StateRef>();
  #withChildren: ReadonlySet<string> = new Set();
  #redactions: ReadonlyMap<string, readonly RoomEvent[]> = new Map();
  #nids: number[] = [];

  constructor(parts: PlanningParts) {
    this.#parts = parts;
    this.storage = parts.storage;
    this.refs = parts.refs;
    this.isToBeSent = parts.isToBeSent;
    this.isToBeHeld = parts.isToBeHeld;
  }

  /** Once, before anything is planned: reads what these events name, and reserves their numbers. */
  async prepare(received: readonly ReceivedEvent[], inMemory: ReadonlyMap<string, RoomEvent>): Promise<void> {
    const { storage } = this.#parts;
    for (const [eventId, event] of inMemory) this.#note(eventId, event);
    const ids = received.map(({ pdu }) => pdu.eventId);
    const named = received.flatMap(({ pdu }) => [...pdu.prevEvents, ...pdu.authEvents, pdu.redacts ?? []].flat());
    await this.load([...ids, ...named]);
    const children = await storage.read(selectAcceptedChildren, { eventIds: ids });
    this.#withChildren = new Set(children.map((row) => row.prev_event_id));
    await this.#readRedactions(ids);
    const { value } = await storage.write((transaction) =>
      Array.from({ length: received.length * NIDS_PER_EVENT }, () => transaction.allocate()),
    );
    this.#nids = value;
  }

  readonly nextNid = (): number => {
    const nid = this.#nids.shift();
    if (nid === undefined) throw new Error('More numbers were needed than were reserved');
    return nid;
  };

  /** An event that is here or planned; it was loaded before. */
  known(eventId: string): RoomEvent | undefined {
    return this.#known.get(eventId);
  }

  async load(eventIds: readonly string[]): Promise<void> {
    const missing = [...new Set(eventIds)].filter((eventId) => !this.#looked.has(eventId));
    if (missing.length === 0) return;
    for (const [eventId, event] of await this.#parts.events.byIds(missing)) this.#note(eventId, event);
    for (const eventId of missing) this.#looked.add(eventId);
  }

  /** A planned event; from now on it counts as known. */
  remember(event: RoomEvent, after: StateRef): void {
    this.#note(event.pdu.eventId, event);
    this.#planned.set(event.nid, { event, after });
  }

  hasAcceptedChild(eventId: string): boolean {
    return this.#withChildren.has(eventId);
  }

  redactionsOf(eventId: string): readonly RoomEvent[] {
    return this.#redactions.get(eventId) ?? [];
  }

  /** The slot of a state event, with its number. */
  async slotOf({ type, stateKey }: Pdu): Promise<Slot | undefined> {
    if (stateKey === undefined) return undefined;
    const slot = await this.#parts.slots.load(type, stateKey);
    slot.nid ??= this.nextNid();
    return slot;
  }

  async stateAfterNid(nid: number): Promise<StateRef> {
    const planned = this.#planned.get(nid);
    if (planned !== undefined) return planned.after;
    // An end of the graph may be an event of ours that is still on its way to the disk, with the state before it.
    await this.#parts.written();
    const event = (await this.#parts.events.byNids([nid])).get(nid);
    if (event === undefined) throw new Error(`The event ${nid} is not there`);
    return this.refs.after(event);
  }

  /** Several states brought together; the same ones are so once. */
  async resolve(states: readonly StateRef[]): Promise<StateRef> {
    const key = [...new Set(states.map(identityOf))].sort().join('\n');
    const known = this.#resolved.get(key);
    if (known !== undefined) return known;
    const resolved = await resolveStates(states, this.#parts.version, { ...this.#parts, events: this });
    this.#resolved.set(key, resolved);
    return resolved;
  }

  /** What authorizes an event in some state. */
  async authorizing(state: StateRef, pdu: Pdu): Promise<StateMap> {
    const slotNids: number[] = [];
    for (const { type, stateKey } of authorizingKeys(pdu, this.#parts.version)) {
      const slotNid = await this.refs.slotNid(type, stateKey);
      if (slotNid !== undefined) slotNids.push(slotNid);
    }
    const events = await this.byNids([...(await this.refs.lookUp(state, slotNids)).values()]);
    return new Map([...events.values()].map(({ pdu: held }) => [stateMapKey(held.type, held.stateKey ?? ''), held]));
  }

  async byNids(nids: readonly number[]): Promise<Map<number, RoomEvent>> {
    const found = await this.#parts.events.byNids(nids.filter((nid) => !this.#planned.has(nid)));
    for (const nid of nids) {
      const planned = this.#planned.get(nid);
      if (planned !== undefined) found.set(nid, planned.event);
    }
    return found;
  }

  plannedAmong(nids: Iterable<number>): RoomEvent[] {
    return [...nids].flatMap((nid) => this.#planned.get(nid)?.event ?? []);
  }

  async byIds(eventIds: readonly string[]): Promise<Map<string, RoomEvent>> {
    await this.load(eventIds);
    return new Map(
      eventIds.flatMap((eventId) => {
        const event = this.#known.get(eventId);
        return event === undefined ? [] : [[eventId, event] as const];
      }),
    );
  }

  #note(eventId: string, event: RoomEvent): void {
    this.#known.set(eventId, event);
    this.#looked.add(eventId);
  }

  async #readRedactions(eventIds: readonly string[]): Promise<void> {
    const { storage, events } = this.#parts;
    const rows = await storage.read(selectRedactionsOf, { eventIds });
    if (rows.length === 0) return;
    const found = await events.byNids(rows.map((row) => row.redaction_nid));
    const byTarget = new Map<string, RoomEvent[]>();
    for (const { redacts_event_id: target, redaction_nid: nid } of rows) {
      const redaction = found.get(nid);
      if (redaction?.place !== undefined) byTarget.set(target, [...(byTarget.get(target) ?? []), redaction]);
    }
    this.#redactions = byTarget;
  }
}
