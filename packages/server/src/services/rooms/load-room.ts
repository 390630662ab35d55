import { selectForwardExtremities, selectLastRoomIndex } from '../../storage/queries/event-graph.ts';
import { selectJoinedUsers, selectMembershipsOfUsers } from '../../storage/queries/memberships.ts';
import {
  type CurrentStateRow,
  selectCurrentState,
  selectCurrentStateExceptMembers,
  selectSnapshotEntries,
  selectSnapshotPath,
  selectSnapshotState,
} from '../../storage/queries/state.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from './event-store.ts';
import { LoadedRoom } from './loaded-room.ts';
import type { RoomEvent, RoomRecord } from './room-event.ts';
import type { SlotTable } from './slot-table.ts';
import { piecesToMerge } from './snapshot-path.ts';

/** Where rooms are loaded from. */
export interface RoomSources {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly slots: SlotTable;
  readonly serverName: string;
}

/** The room as the disk has it. Nothing of it may be waiting to be written. */
export async function loadRoom(record: RoomRecord, sources: RoomSources): Promise<LoadedRoom> {
  const { storage, events } = sources;
  const roomNid = record.nid;
  const room = new LoadedRoom(record);
  const [ends, indexes, joined, state] = await Promise.all([
    storage.read(selectForwardExtremities, { roomNid }),
    storage.read(selectLastRoomIndex, { roomNid }),
    storage.read(selectJoinedUsers, { roomNid }),
    storage.read(selectCurrentStateExceptMembers, { roomNid }),
  ]);
  const extremityNids = ends.map((row) => row.event_nid);
  const loaded = await events.byNids([...extremityNids, ...state.map((row) => row.event_nid)]);
  const extremities = extremityNids.map((nid) => knownEvent(loaded, nid));
  room.extremities = extremities;
  room.lastRoomIndex = Math.max(0, indexes[0]?.room_index ?? 0);
  room.joinedCount = joined.length;
  for (const row of joined) {
    if (row.user_id.endsWith(`:${sources.serverName}`)) room.localJoined.add(row.user_id);
  }
  for (const row of state) room.setState(knownEvent(loaded, row.event_nid));
  await loadSnapshot(room, extremities, sources);
  return room;
}

/** Puts the member events of these users into the room's state. */
export async function loadMembers(room: LoadedRoom, userIds: readonly string[], sources: RoomSources): Promise<void> {
  const roomNid = room.record.nid;
  const rows = await sources.storage.read(selectMembershipsOfUsers, { roomNid, userIds });
  const events = await sources.events.byNids(rows.map((row) => row.event_nid));
  for (const row of rows) room.setState(knownEvent(events, row.event_nid));
  for (const userId of userIds) room.knownMembers.add(userId);
}

/** Brings the entries into memory that the room's next snapshots, so many at most, take over. */
export async function loadSnapshotPieces(room: LoadedRoom, count: number, storage: Storage): Promise<void> {
  if (count === 0 || (count === 1 && room.beyondPath.size === 0)) return;
  const missing = piecesToMerge(room.path, count).filter((piece) => piece.entries === undefined);
  if (missing.length === 0) return;
  const found = new Map(missing.map((piece) => [piece.nid, new Map<number, number>()]));
  const snapshotNids = missing.map((piece) => piece.nid);
  for (const row of await storage.read(selectSnapshotEntries, { snapshotNids })) {
    found.get(row.snapshot_nid)?.set(row.slot_nid, row.event_nid);
  }
  for (const piece of missing) piece.entries = found.get(piece.nid);
}

/** The snapshot before one extremity, and what current state has beyond it. */
async function loadSnapshot(
  room: LoadedRoom,
  extremities: readonly RoomEvent[],
  { storage, slots }: RoomSources,
): Promise<void> {
  const [base] = extremities;
  if (base?.stateBefore === undefined) throw new Error(`Room ${room.roomNid} does not end in events with state`);
  const rows = await storage.read(selectSnapshotPath, { snapshotNid: base.stateBefore });
  room.path = rows.map((row) => ({ nid: row.snapshot_nid, ordinal: row.ordinal, entries: undefined }));
  if (extremities.length === 1 && base.pdu.stateKey === undefined) return;
  if (extremities.length === 1) {
    const { nid: slotNid } = await slots.load(base.pdu.type, base.pdu.stateKey ?? '');
    if (slotNid === undefined) throw new Error(`The state event ${base.nid} has no slot`);
    room.beyondPath = new Map([[slotNid, base.nid]]);
    return;
  }
  // Current state is what was resolved when the graph forked.
  const before = await storage.read(selectSnapshotState, { snapshotNid: base.stateBefore });
  const current = await storage.read(selectCurrentState, { roomNid: room.roomNid });
  room.beyondPath = difference(stateOf(before), stateOf(current));
}

function stateOf(rows: readonly CurrentStateRow[]): Map<number, number> {
  return new Map(rows.map((row) => [row.slot_nid, row.event_nid]));
}

function difference(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): Map<number, number> {
  const changes = new Map<number, number>();
  for (const [slotNid, eventNid] of after) if (before.get(slotNid) !== eventNid) changes.set(slotNid, eventNid);
  for (const slotNid of before.keys()) if (!after.has(slotNid)) changes.set(slotNid, 0);
  return changes;
}

function knownEvent(events: ReadonlyMap<number, RoomEvent>, nid: number): RoomEvent {
  const event = events.get(nid);
  if (event === undefined) throw new Error(`Event ${nid} has no row`);
  return event;
}
