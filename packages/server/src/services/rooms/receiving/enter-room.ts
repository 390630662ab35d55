import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { serverNameOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import type { Timers } from '../../../platform/timers.ts';
import { deleteRoomExtremities, updateRoomEntered } from '../../../storage/queries/event-graph.ts';
import { deleteMembershipsOfRoom, upsertMembership } from '../../../storage/queries/memberships.ts';
import { deleteServersOfRoom, upsertRoomServer } from '../../../storage/queries/room-servers.ts';
import { deleteCurrentStateOfRoom, insertSnapshotEntry, upsertCurrentState } from '../../../storage/queries/state.ts';
import type { Storage, WriteTransaction } from '../../../storage/storage.ts';
import { type AppendParts, writeSnapshotPiece } from '../append-event.ts';
import { breathe } from '../breathe.ts';
import type { EventStore } from '../event-store.ts';
import { LoadedRoom } from '../loaded-room.ts';
import { placeOf, type RoomEvent, type RoomRecord } from '../room-event.ts';
import type { RoomEntry } from '../room-receiver.ts';
import type { SnapshotPiece } from '../snapshot-path.ts';
import { withSlots } from '../state-ref.ts';
import { GAP_WIDTH } from '../timeline-gap.ts';
import type { SlotChange } from '../write-slot-change.ts';
import { appendPlanned } from './append-planned.ts';
import { keepOutliers } from './keep-outliers.ts';
import type { PlannedArrival } from './planned-arrival.ts';

/** Slots written in one batch before everything else gets its turn. */
const SLOTS_PER_BATCH = 500;
/** Events read at once. */
const EVENTS_PER_READ = 500;

export interface EnterParts extends AppendParts {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly timers: Timers;
  readonly serverName: string;
}

/** A slot of the state that was told. */
interface ToldSlot {
  readonly slotNid: number;
  readonly event: RoomEvent;
}

/**
 * Writes a room as the answer to `send_join` has it. Nobody of this server is in it yet, so nothing of it is seen
 * before the last step, which makes the join visible; whatever came before is written again by the next attempt.
 * Specification: server-server API, "Joining Rooms".
 */
export async function enterRoom(record: RoomRecord, entry: RoomEntry, parts: EnterParts): Promise<void> {
  const { pdu } = entry.event;
  const { leftOut } = await keepOutliers(record, [...entry.authChain, ...entry.state], parts);
  const told = await readTold(entry, parts);
  const [first] = leftOut;
  if (first !== undefined && entry.state.some((one) => one.pdu.eventId === first)) {
    throw new MatrixError('M_UNKNOWN', `The other server told a state without what authorizes ${first}.`);
  }
  const state = new Map(told.map(({ event }) => [stateMapKey(event.pdu.type, event.pdu.stateKey ?? ''), event.pdu]));
  const verdict = authorizeEvent(pdu, state, record.version);
  if (!verdict.allowed) throw new MatrixError('M_FORBIDDEN', verdict.reason);
  const known = (await parts.events.byIds([pdu.eventId])).get(pdu.eventId);
  if (known?.stateBefore !== undefined) throw new MatrixError('M_UNKNOWN', 'This join was used before. Join again.');
  const [last] = await parts.events.backwards({
    room: record,
    after: Number.MIN_SAFE_INTEGER,
    before: Number.MAX_SAFE_INTEGER,
    limit: 1,
  });
  const room = new LoadedRoom(record, parts.serverName);
  room.lastRoomIndex = last === undefined ? 0 : Math.max(0, placeOf(last).roomIndex) + GAP_WIDTH;
  for (const { event } of told) {
    if (event.pdu.type !== 'm.room.member' || isNeededFor(pdu, event.pdu)) room.setState(event);
    if (isJoined(event.pdu)) room.countJoined(event.pdu.stateKey ?? '', 1);
  }
  const snapshot = await writeState(room, told, parts);
  for (const projection of parts.projections) await projection.prepare?.(room);
  await writeJoin({ room, entry, snapshot, known }, parts);
}

/** The events of the state, as they were kept. Rejected ones are no part of it. */
async function readTold({ state }: RoomEntry, parts: EnterParts): Promise<ToldSlot[]> {
  const ids = [...new Set(state.map(({ pdu }) => pdu.eventId))];
  const told = new Map<number, ToldSlot>();
  for (let start = 0; start < ids.length; start += EVENTS_PER_READ) {
    if (start > 0) await breathe(parts.timers);
    for (const event of (await parts.events.byIds(ids.slice(start, start + EVENTS_PER_READ))).values()) {
      const { type, stateKey } = event.pdu;
      if (event.isRejected || stateKey === undefined) continue;
      const { nid: slotNid } = await parts.slots.load(type, stateKey);
      if (slotNid !== undefined) told.set(slotNid, { slotNid, event });
    }
  }
  return [...told.values()];
}

/** Snapshot, current state and memberships, a little at a time. */
async function writeState(room: LoadedRoom, told: readonly ToldSlot[], parts: EnterParts): Promise<SnapshotPiece> {
  const { storage, timers } = parts;
  const { roomNid } = room;
  const { value: snapshot } = await storage.write((transaction) => {
    transaction.run(deleteCurrentStateOfRoom, { roomNid });
    transaction.run(deleteServersOfRoom, { roomNid });
    // Of this server's users there may be invites and the like, which stay what they are until the state says more.
    transaction.run(deleteMembershipsOfRoom, { roomNid, ownServer: `%:${likeText(parts.serverName)}` });
    const root = { nid: transaction.allocate(), ordinal: 0, entries: new Map<number, number>() };
    writeSnapshotPiece(transaction, room, root, undefined);
    const piece = { nid: transaction.allocate(), ordinal: 1, entries: undefined };
    writeSnapshotPiece(transaction, room, piece, root.nid);
    room.current = { path: [root, piece], beyond: new Map() };
    return piece;
  });
  for (let start = 0; start < told.length; start += SLOTS_PER_BATCH) {
    if (start > 0) await breathe(timers);
    const some = told.slice(start, start + SLOTS_PER_BATCH);
    await storage.write((transaction) => {
      for (const one of some) writeSlot(transaction, room, { snapshotNid: snapshot.nid, ...one });
    });
  }
  return snapshot;
}

function writeSlot(
  transaction: WriteTransaction,
  { roomNid }: LoadedRoom,
  { snapshotNid, slotNid, event }: ToldSlot & { snapshotNid: number },
): void {
  const { writer } = transaction;
  const { nid: eventNid, pdu } = event;
  // A number of the same counter: before all that is to come, and nothing that anybody waits for.
  const position = transaction.allocate();
  transaction.run(insertSnapshotEntry, { snapshotNid, slotNid, eventNid });
  const isMember = Number(pdu.type === 'm.room.member');
  transaction.run(upsertCurrentState, { roomNid, slotNid, eventNid, isMember, writer, position });
  const { membership } = pdu.content;
  if (pdu.type !== 'm.room.member' || typeof membership !== 'string') return;
  const joinedPosition = membership === 'join' ? position : null;
  const row = { roomNid, userId: pdu.stateKey ?? '', membership, eventNid, sender: pdu.sender, joinedPosition };
  transaction.run(upsertMembership, { ...row, writer, position });
}

interface Joining {
  readonly room: LoadedRoom;
  readonly entry: RoomEntry;
  readonly snapshot: SnapshotPiece;
  /** The join itself, if it is here as an outlier. */
  readonly known: RoomEvent | undefined;
}

/** The last step: the join takes its place, and the room is there. */
async function writeJoin({ room, entry, snapshot, known }: Joining, parts: EnterParts): Promise<void> {
  const { event: received } = entry;
  const { pdu } = received;
  const slot = await parts.slots.load(pdu.type, pdu.stateKey ?? '');
  const before = room.state.get(stateMapKey(pdu.type, pdu.stateKey ?? ''));
  const beforeNid = room.nids.get(stateMapKey(pdu.type, pdu.stateKey ?? ''));
  const previous = before === undefined || beforeNid === undefined ? undefined : { nid: beforeNid, pdu: before };
  const { value: event } = await parts.storage.write((transaction) => {
    slot.nid ??= transaction.allocate();
    const nid = known?.nid ?? transaction.allocate();
    const change: SlotChange = {
      slotNid: slot.nid,
      type: pdu.type,
      stateKey: pdu.stateKey ?? '',
      event: { nid, pdu },
      previous,
    };
    const plan: PlannedArrival = {
      received,
      nid,
      isOutlier: known !== undefined,
      fate: 'accepted',
      snapshots: [],
      stateBefore: snapshot.nid,
      roomStateBefore: undefined,
      roomStateAfter: undefined,
      slot,
      extremities: [{ nid, pdu }],
      current: withSlots(room.current, [[slot.nid, nid]]),
      changes: [change],
      redacts: undefined,
      redactions: [],
      isToBeSent: false,
    };
    transaction.run(deleteRoomExtremities, { roomNid: room.roomNid });
    const appended = appendPlanned(transaction, room, plan, { ...parts, batch: new Map() });
    transaction.run(updateRoomEntered, { roomNid: room.roomNid, eventNid: nid });
    publishServers(transaction, room);
    parts.events.remember(appended.event);
    return appended.event;
  });
  slot.isCommitted = true;
  parts.events.remember(event);
}

/** Who is to be told what happens here from now on. */
function publishServers(transaction: WriteTransaction, { roomId, roomNid, serversIn }: LoadedRoom): void {
  for (const serverName of serversIn) {
    const position = transaction.publish({ kind: 'room-server', roomId, serverName, isIn: true });
    transaction.run(upsertRoomServer, { roomNid, serverName, isIn: 1, writer: transaction.writer, position });
  }
}

function isJoined({ type, content }: Pdu): boolean {
  return type === 'm.room.member' && content.membership === 'join';
}

/** The member events that whoever looks at the join wants to see: the user's own before it, and the authorising one. */
function isNeededFor(join: Pdu, member: Pdu): boolean {
  const { stateKey } = member;
  return (
    stateKey !== undefined &&
    (stateKey === join.stateKey ||
      stateKey === join.sender ||
      stateKey === join.content.join_authorised_via_users_server ||
      serverNameOf(stateKey) === serverNameOf(join.sender))
  );
}

/** `_` and `%` stand for themselves. */
function likeText(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}
