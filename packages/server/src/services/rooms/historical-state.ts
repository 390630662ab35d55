import { createCache } from '../../cache/create-cache.ts';
import { splitKnown } from '../../cache/split-known.ts';
import { selectSlotsOfSnapshots, selectSlotsOfType } from '../../storage/queries/event-details.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { type HistoryVisibility, historyVisibilityOf, membershipOf } from './history-visibility.ts';
import type { Membership } from './membership-reader.ts';
import type { RoomStateReader } from './room-state.ts';

/** Snapshots whose history visibility is kept in memory. */
const MAX_CACHED_VISIBILITIES = 100_000;
/** Memberships of one user at one snapshot that are kept in memory. */
const MAX_CACHED_MEMBERSHIPS = 100_000;

/**
 * Two things about the past, without putting whole snapshots together: history visibility and one user's membership. A
 * snapshot never changes, so neither does an answer; a read asks for all snapshots of a list at once.
 */
export class HistoricalState {
  readonly #storage: Storage;
  readonly #events: EventStore;
  readonly #state: RoomStateReader;
  readonly #visibilities = createCache<number, HistoryVisibility>(MAX_CACHED_VISIBILITIES);
  readonly #memberships = createCache<string, Membership>(MAX_CACHED_MEMBERSHIPS);

  constructor(storage: Storage, events: EventStore, state: RoomStateReader) {
    this.#storage = storage;
    this.#events = events;
    this.#state = state;
  }

  async visibilities(snapshotNids: readonly number[]): Promise<Map<number, HistoryVisibility>> {
    const { found, missing } = splitKnown(new Set(snapshotNids), (nid) => this.#visibilities.get(nid));
    if (missing.length > 0) {
      const slots = await this.slotAt(missing, 'm.room.history_visibility', '');
      const events = await this.#events.byNids([...new Set(slots.values())]);
      for (const nid of missing) {
        const visibility = historyVisibilityOf(events.get(slots.get(nid) ?? 0)?.pdu);
        this.#visibilities.set(nid, visibility);
        found.set(nid, visibility);
      }
    }
    return found;
  }

  async memberships(snapshotNids: readonly number[], userId: string): Promise<Map<number, Membership>> {
    const { found, missing } = splitKnown(new Set(snapshotNids), (nid) => this.knownMembership(nid, userId));
    if (missing.length > 0) {
      const slots = await this.slotAt(missing, 'm.room.member', userId);
      const events = await this.#events.byNids([...new Set(slots.values())]);
      for (const nid of missing) {
        const membership = membershipOf(events.get(slots.get(nid) ?? 0)?.pdu);
        this.#memberships.set(`${nid} ${userId}`, membership);
        found.set(nid, membership);
      }
    }
    return found;
  }

  /** The memberships that any of these users had at each snapshot; who had none is left out. */
  async membershipsOf(
    snapshotNids: readonly number[],
    userIds: readonly string[],
  ): Promise<Map<number, readonly Membership[]>> {
    const slots = await this.#storage.read(selectSlotsOfType, { type: 'm.room.member', stateKeys: userIds });
    const slotNids = slots.map((slot) => slot.slot_nid);
    const rows = await this.#storage.read(selectSlotsOfSnapshots, { snapshotNids, slotNids });
    const held = new Map<number, Map<number, number>>();
    for (const row of rows) {
      const here = held.get(row.snapshot_nid) ?? new Map<number, number>();
      held.set(row.snapshot_nid, here.set(row.slot_nid, row.event_nid));
    }
    const events = await this.#events.byNids([...new Set(rows.map((row) => row.event_nid))]);
    const memberships = (here: ReadonlyMap<number, number>) =>
      [...here.values()].flatMap((nid) => (nid === 0 ? [] : [membershipOf(events.get(nid)?.pdu)]));
    return new Map([...held].map(([snapshotNid, here]) => [snapshotNid, memberships(here)]));
  }

  /** The membership at this snapshot, if it is in memory. */
  knownMembership(snapshotNid: number, userId: string): Membership | undefined {
    return this.#memberships.get(`${snapshotNid} ${userId}`);
  }

  /** What one slot holds in each of these snapshots: snapshot nid to event nid; empty ones are left out. */
  async slotAt(snapshotNids: readonly number[], type: string, stateKey: string): Promise<Map<number, number>> {
    const slotNid = await this.#state.slotNid(type, stateKey);
    if (slotNid === undefined) return new Map();
    const rows = await this.#storage.read(selectSlotsOfSnapshots, { snapshotNids, slotNids: [slotNid] });
    const held = new Map(rows.map((row) => [row.snapshot_nid, row.event_nid]));
    for (const [snapshotNid, eventNid] of held) if (eventNid === 0) held.delete(snapshotNid);
    return held;
  }

  /** What the slots of one type with these state keys hold in one snapshot: event nids. */
  async slotsAt(snapshotNid: number, type: string, stateKeys: readonly string[]): Promise<number[]> {
    const slots = await this.#storage.read(selectSlotsOfType, { type, stateKeys });
    const slotNids = slots.map((slot) => slot.slot_nid);
    const rows = await this.#storage.read(selectSlotsOfSnapshots, { snapshotNids: [snapshotNid], slotNids });
    const held = new Map(rows.map((row) => [row.slot_nid, row.event_nid]));
    return [...held.values()].filter((eventNid) => eventNid !== 0);
  }
}
