import { canRedact } from '@limpet/protocol/authorization/can-redact';
import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { redactPdu } from '@limpet/protocol/redaction';
import {
  deleteForwardExtremities,
  insertEvent,
  insertEventEdge,
  insertForwardExtremity,
  insertRedaction,
  moveForwardExtremity,
  redactEventRow,
} from '../../storage/queries/event-graph.ts';
import { updateMemberEvent, upsertMembership } from '../../storage/queries/memberships.ts';
import {
  insertSnapshot,
  insertSnapshotEntry,
  insertStateChange,
  upsertCurrentState,
} from '../../storage/queries/state.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import { hasUrl } from './event-filter-matches.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { Projection } from './projection.ts';
import { placeOf, type RoomEvent } from './room-event.ts';
import type { Slot, SlotTable } from './slot-table.ts';
import { nextSnapshot, type SnapshotPiece } from './snapshot-path.ts';

/** An event that takes its place at the end of the graph: authorized, with everything loaded that its rows need. */
export interface Arrival {
  readonly pdu: Pdu;
  /** Of `pdu.json`. */
  readonly canonicalJson: string;
  readonly receivedTs: number;
  /** For a state event. */
  readonly slot: Slot | undefined;
  /** For a redaction: the event it names, if we have it. */
  readonly redacts: RoomEvent | undefined;
}

export interface AppendParts {
  readonly slots: SlotTable;
  readonly projections: readonly Projection[];
  readonly serverName: string;
}

/** What a batch did beyond the database: to be made known, or undone when it fails. */
export interface Appended {
  readonly event: RoomEvent;
  /** The event that was redacted by this one, as redaction left it. */
  readonly redacted: RoomEvent | undefined;
  /** The snapshot that was written for it. */
  readonly snapshot: SnapshotPiece | undefined;
}

/** The expectation that fails when the graph does not end where the writer believed. */
export const EXTREMITY_EXPECTATION = 'the graph ends where the writer has it';

/**
 * Adds one event to the batch, with all its rows and changes, and moves the room in memory past it. Its `prev_events`
 * are the room's extremities. The batch is committed, or the room in memory is thrown away.
 */
export function appendEvent(
  transaction: WriteTransaction,
  room: LoadedRoom,
  arrival: Arrival,
  parts: AppendParts,
): Appended {
  const snapshot = writeSnapshot(transaction, room);
  const eventNid = transaction.allocate();
  writeExtremities(transaction, room, eventNid);
  const event = writeEvent(transaction, room, { ...arrival, eventNid });
  const redacted = writeRedaction(transaction, room, { event, target: arrival.redacts });
  const slotNid = arrival.slot === undefined ? undefined : parts.slots.intern(transaction, arrival.slot);
  if (slotNid !== undefined) writeStateChange(transaction, room, { event, slotNid });
  const membership = writeMembership(transaction, room, event);
  for (const projection of parts.projections) projection.project(transaction, event, room);

  room.extremities = [event];
  room.lastRoomIndex++;
  if (redacted?.pdu.stateKey !== undefined && isCurrent(room, redacted)) room.setState(redacted);
  if (slotNid !== undefined) {
    room.setState(event);
    room.beyondPath = new Map(room.beyondPath).set(slotNid, event.nid);
  }
  if (membership !== undefined) countMember(room, membership, parts.serverName);
  return { event, redacted, snapshot };
}

/** State before the event: the last snapshot, or the next one where state has changed since. */
function writeSnapshot(transaction: WriteTransaction, room: LoadedRoom): SnapshotPiece | undefined {
  const roomNid = room.record.nid;
  if (room.path.length > 0 && room.beyondPath.size === 0) return undefined;
  const next =
    room.path.length === 0
      ? { ordinal: 0, parents: [], entries: new Map<number, number>() }
      : nextSnapshot(room.path, room.beyondPath);
  const snapshotNid = transaction.allocate();
  const parentNid = next.parents.at(-1)?.nid ?? null;
  transaction.run(insertSnapshot, { snapshotNid, roomNid, ordinal: next.ordinal, parentNid });
  for (const [slotNid, eventNid] of next.entries) {
    transaction.run(insertSnapshotEntry, { snapshotNid, slotNid, eventNid });
  }
  const piece = { nid: snapshotNid, ordinal: next.ordinal, entries: next.entries };
  room.path = [...next.parents, piece];
  room.beyondPath = new Map();
  return piece;
}

function writeEvent(
  transaction: WriteTransaction,
  room: LoadedRoom,
  arrival: Arrival & { readonly eventNid: number },
): RoomEvent {
  const { pdu, receivedTs, canonicalJson, eventNid } = arrival;
  const { sender, type, stateKey } = pdu;
  const position = transaction.publish({
    kind: 'event',
    roomId: room.roomId,
    eventNid,
    sender,
    type,
    stateKey,
    isToBeSent: true,
  });
  const { writer } = transaction;
  const roomIndex = room.lastRoomIndex + 1;
  const stateBefore = room.path.at(-1)?.nid;
  transaction.run(insertEvent, {
    eventNid,
    eventId: pdu.eventId,
    roomNid: room.record.nid,
    roomIndex,
    writer,
    position,
    type,
    stateKey: stateKey ?? null,
    sender,
    depth: pdu.depth,
    originServerTs: pdu.originServerTs,
    receivedTs,
    stateBefore: stateBefore ?? null,
    isRejected: 0,
    isSoftFailed: 0,
    hasUrl: Number(hasUrl(pdu)),
    json: canonicalJson,
  });
  for (const prevEventId of pdu.prevEvents) transaction.run(insertEventEdge, { eventNid, prevEventId });
  return {
    nid: eventNid,
    room: room.record,
    pdu,
    receivedTs,
    place: { writer, position, roomIndex },
    stateBefore,
    isRejected: false,
    isSoftFailed: false,
    redactedBy: undefined,
  };
}

/**
 * Comes before the rows of the event: where the graph ends elsewhere, this is what fails, and is known for what it is.
 */
function writeExtremities(transaction: WriteTransaction, room: LoadedRoom, eventNid: number): void {
  const roomNid = room.record.nid;
  const [first, ...others] = room.extremities;
  if (first === undefined) transaction.run(insertForwardExtremity, { roomNid, eventNid });
  else transaction.expect(moveForwardExtremity, { roomNid, from: first.nid, to: eventNid }, EXTREMITY_EXPECTATION);
  if (others.length > 0) {
    transaction.run(deleteForwardExtremities, { roomNid, eventNids: others.map((other) => other.nid) });
  }
}

/** The redacted event as it is from now on, where the redaction takes effect. */
function writeRedaction(
  transaction: WriteTransaction,
  room: LoadedRoom,
  { event, target }: { event: RoomEvent; target: RoomEvent | undefined },
): RoomEvent | undefined {
  const { pdu } = event;
  if (pdu.type !== 'm.room.redaction' || pdu.redacts === undefined) return undefined;
  transaction.run(insertRedaction, { redactsEventId: pdu.redacts, redactionNid: event.nid });
  const { version } = room.record;
  if (target === undefined || target.redactedBy !== undefined) return undefined;
  if (!canRedact(pdu, target.pdu, powerLevelsOf(room.state, version), version)) return undefined;
  const redacted = redactPdu(target.pdu, version);
  const json = encodeCanonicalJson(redacted.json);
  transaction.run(redactEventRow, { eventNid: target.nid, redactedBy: event.nid, json });
  return { ...target, pdu: redacted, redactedBy: event.nid };
}

function writeStateChange(
  transaction: WriteTransaction,
  room: LoadedRoom,
  { event, slotNid }: { event: RoomEvent; slotNid: number },
): void {
  const { writer, position } = placeOf(event);
  const roomNid = room.record.nid;
  const previousNid = room.nids.get(slotKeyOf(event)) ?? null;
  const eventNid = event.nid;
  transaction.run(upsertCurrentState, { roomNid, slotNid, eventNid, writer, position });
  transaction.run(insertStateChange, { roomNid, writer, position, slotNid, eventNid, previousNid });
}

interface MemberStep {
  readonly userId: string;
  readonly membership: string;
  readonly previous: string | undefined;
}

function writeMembership(transaction: WriteTransaction, room: LoadedRoom, event: RoomEvent): MemberStep | undefined {
  const { type, stateKey: userId, sender, content } = event.pdu;
  if (type !== 'm.room.member' || userId === undefined) return undefined;
  const membership = String(content.membership);
  const before = room.state.get(slotKeyOf(event))?.content.membership;
  const previous = typeof before === 'string' ? before : undefined;
  const roomNid = room.record.nid;
  const eventNid = event.nid;
  if (previous === membership) {
    transaction.run(updateMemberEvent, { roomNid, userId, eventNid, sender });
    return undefined;
  }
  const position = transaction.publish({ kind: 'membership', roomId: room.roomId, userId, membership, previous });
  const joinedPosition = membership === 'join' ? position : null;
  const { writer } = transaction;
  const row = { roomNid, userId, membership, eventNid, sender, joinedPosition, writer, position };
  transaction.run(upsertMembership, row);
  return { userId, membership, previous };
}

function countMember(room: LoadedRoom, { userId, membership, previous }: MemberStep, serverName: string): void {
  const joins = Number(membership === 'join') - Number(previous === 'join');
  room.joinedCount += joins;
  if (!userId.endsWith(`:${serverName}`)) return;
  if (joins > 0) room.localJoined.add(userId);
  if (joins < 0) room.localJoined.delete(userId);
}

function isCurrent(room: LoadedRoom, event: RoomEvent): boolean {
  return room.nids.get(slotKeyOf(event)) === event.nid;
}

function slotKeyOf(event: RoomEvent): string {
  return stateMapKey(event.pdu.type, event.pdu.stateKey ?? '');
}
