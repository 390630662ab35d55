import { selectAuthEventKeys } from '@limpet/protocol/authorization/auth-event-selection';
import type { Pdu } from '@limpet/protocol/pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { selectSlotsOfSnapshots } from '../../../storage/queries/event-details.ts';
import type { Storage } from '../../../storage/storage.ts';
import { loadEntries, loadStateRef } from '../load-room.ts';
import type { RoomEvent } from '../room-event.ts';
import type { SlotTable } from '../slot-table.ts';
import type { SnapshotPath } from '../snapshot-path.ts';
import { type StateRef, withSlots } from '../state-ref.ts';
import type { StateStore } from '../state-store.ts';

export interface StateRefsParts {
  readonly storage: Storage;
  readonly state: StateStore;
  readonly slots: SlotTable;
}

/** Reads what states of rooms hold, with as little of them as will do. */
export class StateRefs {
  readonly #parts: StateRefsParts;

  constructor(parts: StateRefsParts) {
    this.#parts = parts;
  }

  /** The state after an event that has one before it. A refused event changes nothing. */
  async after(event: RoomEvent): Promise<StateRef> {
    const { stateBefore, pdu, isRejected, nid } = event;
    if (stateBefore === undefined) throw new Error(`Event ${nid} is an outlier: the state is not known`);
    const before = await loadStateRef(stateBefore, this.#parts.storage);
    if (pdu.stateKey === undefined || isRejected) return before;
    const slotNid = await this.slotNid(pdu.type, pdu.stateKey);
    if (slotNid === undefined) throw new Error(`The state event ${nid} has no slot`);
    return withSlots(before, [[slotNid, nid]]);
  }

  before(snapshotNid: number): Promise<StateRef> {
    return loadStateRef(snapshotNid, this.#parts.storage);
  }

  async slotNid(type: string, stateKey: string): Promise<number | undefined> {
    return (await this.#parts.slots.load(type, stateKey)).nid;
  }

  /** What these slots hold: slot nid to event nid; empty ones are left out. */
  async lookUp({ path, beyond }: StateRef, slotNids: Iterable<number>): Promise<Map<number, number>> {
    const found = new Map<number, number>();
    let open = [...slotNids];
    const take = (entries: ReadonlyMap<number, number>) => {
      open = open.filter((slotNid) => {
        const eventNid = entries.get(slotNid);
        if (eventNid !== undefined) found.set(slotNid, eventNid);
        return eventNid === undefined;
      });
    };
    take(beyond);
    for (const piece of path.toReversed()) {
      if (open.length === 0) break;
      if (piece.entries === undefined) {
        take(await this.#readSlots(piece.nid, open));
        break;
      }
      take(piece.entries);
    }
    for (const [slotNid, eventNid] of found) if (eventNid === 0) found.delete(slotNid);
    return found;
  }

  /** Everything: slot nid to event nid. */
  async whole({ path, beyond }: StateRef): Promise<Map<number, number>> {
    const onDisk = path.findLastIndex((piece) => piece.entries === undefined);
    const base = path[onDisk];
    const whole = new Map(base === undefined ? [] : await this.#parts.state.snapshot(base.nid));
    const above = [...path.slice(onDisk + 1).map((piece) => piece.entries ?? new Map<number, number>()), beyond];
    for (const entries of above) {
      for (const [slotNid, eventNid] of entries) {
        if (eventNid === 0) whole.delete(slotNid);
        else whole.set(slotNid, eventNid);
      }
    }
    return whole;
  }

  /** Slots that may differ between these states: what lies beyond the snapshots that all of them rest on. */
  async slotsThatMayDiffer(refs: readonly StateRef[]): Promise<Set<number>> {
    const common = commonLength(refs.map(({ path }) => path));
    const slotNids = new Set<number>();
    for (const { path, beyond } of refs) {
      const own = path.slice(common);
      await loadEntries(own, this.#parts.storage);
      for (const { entries } of own) for (const slotNid of entries?.keys() ?? []) slotNids.add(slotNid);
      for (const slotNid of beyond.keys()) slotNids.add(slotNid);
    }
    return slotNids;
  }

  async #readSlots(snapshotNid: number, slotNids: readonly number[]): Promise<Map<number, number>> {
    const rows = await this.#parts.storage.read(selectSlotsOfSnapshots, { snapshotNids: [snapshotNid], slotNids });
    return new Map(rows.map((row) => [row.slot_nid, row.event_nid]));
  }
}

/** The slots that the rules look at for an event. */
export function authorizingKeys(pdu: Pdu, version: RoomVersion): { type: string; stateKey: string }[] {
  const keys = selectAuthEventKeys(pdu, version);
  const create = { type: 'm.room.create', stateKey: '' };
  return keys.some(({ type }) => type === create.type) ? keys : [create, ...keys];
}

function commonLength(paths: readonly SnapshotPath[]): number {
  const [first = [], ...others] = paths;
  let length = 0;
  while (length < first.length && others.every((path) => path[length]?.nid === first[length]?.nid)) length++;
  return length;
}
