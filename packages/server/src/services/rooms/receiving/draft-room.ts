import { type Pdu, type StateMap, stateMapKey } from '@limpet/protocol/pdu';
import type { ForwardExtremity, LoadedRoom } from '../loaded-room.ts';
import type { RoomInTurn } from '../room-actor.ts';
import type { RoomEvent } from '../room-event.ts';
import { nextSnapshot, type SnapshotPiece } from '../snapshot-path.ts';
import { identityOf, type StateRef, withSlots } from '../state-ref.ts';
import type { SlotChange, SlotEvent } from '../write-slot-change.ts';
import type { NewSnapshot, PlannedArrival } from './planned-arrival.ts';
import { authorizingKeys } from './state-refs.ts';

/**
 * A room as it will be after what is planned. The room itself is not touched: planning takes reads, and nothing is sure
 * until all of it is written.
 */
export class DraftRoom {
  readonly room: LoadedRoom;
  readonly #turn: RoomInTurn;
  /** Of the current state, what the plan changes, by `stateMapKey`. */
  readonly #changed = new Map<string, SlotEvent | undefined>();
  readonly #planned = new Map<string, PlannedArrival>();
  /** States that were given a snapshot, by identity. */
  readonly #written = new Map<string, StateRef>();
  extremities: readonly ForwardExtremity[];
  current: StateRef;

  constructor(turn: RoomInTurn) {
    this.#turn = turn;
    this.room = turn.room;
    this.extremities = turn.room.extremities;
    this.current = turn.room.current;
  }

  get plans(): readonly PlannedArrival[] {
    return [...this.#planned.values()];
  }

  planned(eventId: string): PlannedArrival | undefined {
    return this.#planned.get(eventId);
  }

  isCurrent(state: StateRef): boolean {
    return identityOf(state) === identityOf(this.current);
  }

  /** Of the current state, what authorizes this event. */
  async authorizingNow(pdu: Pdu): Promise<StateMap> {
    const keys = authorizingKeys(pdu, this.room.record.version);
    await this.#turn.loadMembers(
      ...keys.filter(({ type }) => type === 'm.room.member').map(({ stateKey }) => stateKey),
    );
    const state = new Map<string, Pdu>();
    for (const { type, stateKey } of keys) {
      const held = this.heldNow(type, stateKey);
      if (held !== undefined) state.set(stateMapKey(type, stateKey), held.pdu);
    }
    return state;
  }

  /** What a slot of the current state holds; of members only where they were loaded. */
  heldNow(type: string, stateKey: string): SlotEvent | undefined {
    const key = stateMapKey(type, stateKey);
    if (this.#changed.has(key)) return this.#changed.get(key);
    const pdu = this.room.state.get(key);
    const nid = this.room.nids.get(key);
    return pdu === undefined || nid === undefined ? undefined : { nid, pdu };
  }

  /** The events of the current state that authorize others, by event ID: most of what comes in cites just these. */
  currentById(eventIds: ReadonlySet<string>): Map<string, SlotEvent> {
    const found = new Map<string, SlotEvent>();
    for (const [key, pdu] of this.room.state) {
      const nid = this.room.nids.get(key);
      if (nid !== undefined && eventIds.has(pdu.eventId)) found.set(pdu.eventId, { nid, pdu });
    }
    return found;
  }

  /** The same state as a snapshot, which may have to be written. The entries it merges are in memory. */
  snapshotOf(state: StateRef, snapshots: NewSnapshot[], nextNid: () => number): StateRef {
    const { path, beyond } = state;
    if (path.length > 0 && beyond.size === 0) return state;
    const identity = identityOf(state);
    const known = this.#written.get(identity);
    if (known !== undefined) return known;
    const isCurrent = this.isCurrent(state);
    const next = path.length === 0 ? ROOT : nextSnapshot(path, beyond);
    const piece: SnapshotPiece = { nid: nextNid(), ordinal: next.ordinal, entries: next.entries };
    snapshots.push({ piece, parentNid: next.parents.at(-1)?.nid });
    let written: StateRef = { path: [...next.parents, piece], beyond: new Map() };
    if (path.length === 0 && beyond.size > 0) {
      written = this.snapshotOf(withSlots(written, beyond), snapshots, nextNid);
    }
    this.#written.set(identity, written);
    if (isCurrent) this.current = written;
    return written;
  }

  /** Moves the draft past an event. */
  take(plan: PlannedArrival): void {
    this.#planned.set(plan.received.pdu.eventId, plan);
    this.extremities = plan.extremities;
    this.current = plan.current;
    this.noteChanges(plan.changes);
  }

  noteChanges(changes: readonly SlotChange[]): void {
    for (const { type, stateKey, event } of changes) this.#changed.set(stateMapKey(type, stateKey), event);
  }
}

const ROOT = { ordinal: 0, parents: [] as readonly SnapshotPiece[], entries: new Map<number, number>() };

/** An event that is planned, as far as others look at it. */
export function plannedAsEvent(
  { nid, received, stateBefore, fate }: Pick<PlannedArrival, 'nid' | 'received' | 'stateBefore' | 'fate'>,
  room: LoadedRoom,
): RoomEvent {
  return {
    nid,
    room: room.record,
    pdu: received.pdu,
    receivedTs: received.receivedTs,
    place: undefined,
    stateBefore,
    isRejected: fate === 'rejected',
    isSoftFailed: fate === 'soft-failed',
    redactedBy: undefined,
  };
}
