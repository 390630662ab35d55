import { stateMapKey } from '@limpet/protocol/pdu';
import { LRUCache } from 'lru-cache';
import { createCache } from '../../cache/create-cache.ts';
import { splitKnown } from '../../cache/split-known.ts';
import {
  type CurrentStateRow,
  selectCurrentMembers,
  selectCurrentSlot,
  selectCurrentState,
  selectCurrentStateOfTypes,
  selectSlot,
  selectSlotsByNid,
  selectSnapshotState,
} from '../../storage/queries/state.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { RoomStateReader, StateSlot } from './room-state.ts';

/** Entries of all the snapshots kept in memory together, at some 50 bytes each. */
const MAX_CACHED_ENTRIES = 1_000_000;
const MAX_CACHED_SLOTS = 50_000;

/** Reads state, at any event or now. What it gives is shared: never change it. */
export class StateStore implements RoomStateReader {
  readonly #storage: Storage;
  readonly #events: EventStore;
  readonly #snapshots = new LRUCache<number, ReadonlyMap<number, number>>({
    maxSize: MAX_CACHED_ENTRIES,
    sizeCalculation: (state) => state.size + 1,
  });
  /** Reads under way, so that many readers of one snapshot are one read. */
  readonly #reads = new Map<number, Promise<ReadonlyMap<number, number>>>();
  readonly #slots = createCache<number, StateSlot>(MAX_CACHED_SLOTS);
  readonly #slotNids = createCache<string, number>(MAX_CACHED_SLOTS);

  constructor(storage: Storage, events: EventStore) {
    this.#storage = storage;
    this.#events = events;
  }

  async snapshot(snapshotNid: number): Promise<ReadonlyMap<number, number>> {
    const known = this.#snapshots.get(snapshotNid) ?? this.#reads.get(snapshotNid);
    if (known !== undefined) return known;
    const read = this.#readSnapshot(snapshotNid);
    this.#reads.set(snapshotNid, read);
    try {
      return await read;
    } finally {
      this.#reads.delete(snapshotNid);
    }
  }

  async snapshotAt(event: RoomEvent): Promise<ReadonlyMap<number, number>> {
    const snapshotNid = event.roomStateBefore ?? event.stateBefore;
    if (snapshotNid === undefined) throw new Error(`Event ${event.nid} is an outlier: the state is not known`);
    return this.snapshot(snapshotNid);
  }

  async snapshotAfter(event: RoomEvent): Promise<ReadonlyMap<number, number>> {
    if (event.roomStateAfter !== undefined) return this.snapshot(event.roomStateAfter);
    if (event.stateBefore === undefined) throw new Error(`Event ${event.nid} is an outlier: the state is not known`);
    const before = await this.snapshot(event.stateBefore);
    const { type, stateKey } = event.pdu;
    if (stateKey === undefined || event.isRejected) return before;
    const slotNid = await this.slotNid(type, stateKey);
    if (slotNid === undefined) throw new Error(`The state event ${event.nid} has no slot`);
    return new Map(before).set(slotNid, event.nid);
  }

  async slotNid(type: string, stateKey: string): Promise<number | undefined> {
    const key = stateMapKey(type, stateKey);
    const known = this.#slotNids.get(key);
    if (known !== undefined) return known;
    const [row] = await this.#storage.read(selectSlot, { type, stateKey });
    if (row !== undefined) this.#slotNids.set(key, row.slot_nid);
    return row?.slot_nid;
  }

  async slots(nids: readonly number[]): Promise<ReadonlyMap<number, StateSlot>> {
    const { found, missing } = splitKnown(nids, (nid) => this.#slots.get(nid));
    if (missing.length > 0) {
      for (const row of await this.#storage.read(selectSlotsByNid, { slotNids: missing })) {
        const slot = { nid: row.slot_nid, type: row.type, stateKey: row.state_key };
        this.#slots.set(slot.nid, slot);
        found.set(slot.nid, slot);
      }
    }
    return found;
  }

  async current(room: RoomRecord, type: string, stateKey: string): Promise<RoomEvent | undefined> {
    const [row] = await this.#storage.read(selectCurrentSlot, { roomNid: room.nid, type, stateKey });
    return row === undefined ? undefined : (await this.#events.byNids([row.event_nid])).get(row.event_nid);
  }

  async currentOfTypes(room: RoomRecord, types: readonly string[]): Promise<RoomEvent[]> {
    const others = await this.#storage.read(selectCurrentStateOfTypes, { roomNid: room.nid, types });
    if (!types.includes('m.room.member')) return this.#eventsOf(others);
    const members = await this.#storage.read(selectCurrentMembers, { roomNid: room.nid });
    return this.#eventsOf(others.concat(members));
  }

  async currentAll(room: RoomRecord): Promise<RoomEvent[]> {
    return this.#eventsOf(await this.#storage.read(selectCurrentState, { roomNid: room.nid }));
  }

  async #eventsOf(rows: readonly CurrentStateRow[]): Promise<RoomEvent[]> {
    return [...(await this.#events.byNids(rows.map((row) => row.event_nid))).values()];
  }

  async #readSnapshot(snapshotNid: number): Promise<ReadonlyMap<number, number>> {
    const state = new Map<number, number>();
    for (const row of await this.#storage.read(selectSnapshotState, { snapshotNid })) {
      if (row.event_nid === 0) state.delete(row.slot_nid);
      else state.set(row.slot_nid, row.event_nid);
    }
    this.#snapshots.set(snapshotNid, state);
    return state;
  }
}
