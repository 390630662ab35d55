import {
  selectForwardExtremities,
  selectLastRoomIndexBetween,
  selectRoomEntered,
} from '../../storage/queries/event-graph.ts';
import { selectJoinedUsers, selectMembershipsOfUsers } from '../../storage/queries/memberships.ts';
import {
  selectCurrentStateExceptMembers,
  selectSnapshotEntries,
  selectSnapshotPath,
} from '../../storage/queries/state.ts';
import { selectRefusedStickyEvent } from '../../storage/queries/sticky-events.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { LoadedRoom, type RoomEntrance } from './loaded-room.ts';
import { placeOf, type RoomEvent, type RoomRecord } from './room-event.ts';
import type { SlotTable } from './slot-table.ts';
import { piecesToMerge, type SnapshotPath } from './snapshot-path.ts';
import { type StateRef, withSlots } from './state-ref.ts';
import { PAST_OFFSET } from './timeline-gap.ts';

/** Where rooms are loaded from. */
export interface RoomSources {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly slots: SlotTable;
  readonly serverName: string;
}

/**
 * The room as the disk has it. Nothing of it may be waiting to be written. `undefined` for a room that does not begin:
 * nobody of this server was ever in it.
 */
export async function loadRoom(record: RoomRecord, sources: RoomSources): Promise<LoadedRoom | undefined> {
  const { storage, events } = sources;
  const roomNid = record.nid;
  const room = new LoadedRoom(record, sources.serverName);
  const [ends, joined, state, [last], [refused], [entered]] = await Promise.all([
    storage.read(selectForwardExtremities, { roomNid }),
    storage.read(selectJoinedUsers, { roomNid }),
    storage.read(selectCurrentStateExceptMembers, { roomNid }),
    events.backwards({ room: record, after: Number.MIN_SAFE_INTEGER, before: Number.MAX_SAFE_INTEGER, limit: 1 }),
    storage.read(selectRefusedStickyEvent, { roomNid }),
    storage.read(selectRoomEntered, { roomNid }),
  ]);
  if (ends.length === 0 || last === undefined) return undefined;
  const extremityNids = ends.map((row) => row.event_nid);
  const loaded = await events.byNids([...extremityNids, ...state.map((row) => row.event_nid)]);
  room.extremities = extremityNids.map((nid) => knownEvent(loaded, nid));
  room.lastRoomIndex = Math.max(0, placeOf(last).roomIndex);
  for (const row of joined) room.countJoined(row.user_id, 1);
  for (const row of state) room.setState(knownEvent(loaded, row.event_nid));
  room.current = await currentState(last, sources);
  room.hasRefusedSticky = refused !== undefined;
  room.entered = await entrance(room, entered?.entered_nid ?? undefined, sources);
  return room;
}

async function entrance(
  { roomNid }: LoadedRoom,
  enteredNid: number | undefined,
  { storage, events }: RoomSources,
): Promise<RoomEntrance | undefined> {
  if (enteredNid === undefined) return undefined;
  const { pdu, place } = knownEvent(await events.byNids([enteredNid]), enteredNid);
  if (place === undefined) throw new Error(`The join ${enteredNid} has no place`);
  const { roomIndex } = place;
  const past = { roomNid, after: roomIndex - PAST_OFFSET - 1, before: roomIndex - PAST_OFFSET / 2 };
  const [row] = await storage.read(selectLastRoomIndexBetween, past);
  const lastPastIndex = row?.room_index ?? roomIndex - PAST_OFFSET;
  return { depth: pdu.depth, originServerTs: pdu.originServerTs, roomIndex, lastPastIndex };
}

/** Puts the member events of these users into the room's state. */
export async function loadMembers(room: LoadedRoom, userIds: readonly string[], sources: RoomSources): Promise<void> {
  const roomNid = room.record.nid;
  const rows = await sources.storage.read(selectMembershipsOfUsers, { roomNid, userIds });
  const events = await sources.events.byNids(rows.map((row) => row.event_nid));
  for (const row of rows) room.setState(knownEvent(events, row.event_nid));
  for (const userId of userIds) room.knownMembers.add(userId);
}

/** The current state, which is that after the event which came last. */
async function currentState(last: RoomEvent, { storage, slots }: RoomSources): Promise<StateRef> {
  if (last.roomStateAfter !== undefined) return loadStateRef(last.roomStateAfter, storage);
  if (last.stateBefore === undefined) throw new Error(`Event ${last.nid} has a place and no state`);
  const before = await loadStateRef(last.stateBefore, storage);
  if (last.pdu.stateKey === undefined) return before;
  const { nid: slotNid } = await slots.load(last.pdu.type, last.pdu.stateKey);
  if (slotNid === undefined) throw new Error(`The state event ${last.nid} has no slot`);
  return withSlots(before, [[slotNid, last.nid]]);
}

/** A snapshot with what it rests on; its entries are not in memory. */
export async function loadStateRef(snapshotNid: number, storage: Storage): Promise<StateRef> {
  const rows = await storage.read(selectSnapshotPath, { snapshotNid });
  if (rows.length === 0) throw new Error(`There is no snapshot ${snapshotNid}`);
  return {
    path: rows.map((row) => ({ nid: row.snapshot_nid, ordinal: row.ordinal, entries: undefined })),
    beyond: new Map(),
  };
}

/** Brings the entries into memory that the next snapshots on top of this state, so many at most, take over. */
export async function loadSnapshotPieces({ path, beyond }: StateRef, count: number, storage: Storage): Promise<void> {
  if (count === 0 || (count === 1 && beyond.size === 0)) return;
  await loadEntries(piecesToMerge(path, count), storage);
}

/** Brings the entries of these snapshots into memory. */
export async function loadEntries(pieces: SnapshotPath, storage: Storage): Promise<void> {
  const missing = pieces.filter((piece) => piece.entries === undefined);
  if (missing.length === 0) return;
  const found = new Map(missing.map((piece) => [piece.nid, new Map<number, number>()]));
  const snapshotNids = missing.map((piece) => piece.nid);
  for (const row of await storage.read(selectSnapshotEntries, { snapshotNids })) {
    found.get(row.snapshot_nid)?.set(row.slot_nid, row.event_nid);
  }
  for (const piece of missing) piece.entries = found.get(piece.nid);
}

export function knownEvent(events: ReadonlyMap<number, RoomEvent>, nid: number): RoomEvent {
  const event = events.get(nid);
  if (event === undefined) throw new Error(`Event ${nid} has no row`);
  return event;
}
