import { MAX_PREV_EVENTS } from '@limpet/protocol/parse-pdu';
import type { Pdu } from '@limpet/protocol/pdu';
import {
  deleteForwardExtremities,
  insertEvent,
  insertEventEdge,
  insertForwardExtremity,
  moveForwardExtremity,
} from '../../storage/queries/event-graph.ts';
import { insertSnapshot, insertSnapshotEntry } from '../../storage/queries/state.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import { hasUrl } from './event-filter-matches.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { Projection } from './projection.ts';
import { placeOf, type RoomEvent } from './room-event.ts';
import type { Slot, SlotTable } from './slot-table.ts';
import { nextSnapshot, type SnapshotPiece } from './snapshot-path.ts';
import { withSlots } from './state-ref.ts';
import { writeRedaction } from './write-redaction.ts';
import { slotEventIn, writeSlotChange } from './write-slot-change.ts';

/** An event that takes its place at the end of the graph: authorized, with everything loaded that its rows need. */
export interface Arrival {
  readonly pdu: Pdu;
  /** Of `pdu.json`; the signature of both may be under way, and the batch waits for it. */
  readonly canonicalJson: string | Promise<string>;
  readonly receivedTs: number;
  /** For a state event. */
  readonly slot: Slot | undefined;
  /** For a redaction: the event it names, if we have it. */
  readonly redacts: RoomEvent | undefined;
}

export interface AppendParts {
  readonly slots: SlotTable;
  readonly projections: readonly Projection[];
}

/** What a batch did beyond the database: to be made known, or undone when it fails. */
export interface Appended {
  readonly event: RoomEvent;
  /** The event that was redacted by this one, as redaction left it. */
  readonly redacted: RoomEvent | undefined;
  /** The snapshots that were written for it. */
  readonly snapshots: readonly SnapshotPiece[];
}

/** The expectation that fails when the graph does not end where the writer believed. */
export const EXTREMITY_EXPECTATION = 'the graph ends where the writer has it';

/**
 * Adds one event to the batch, with all its rows and changes, and moves the room in memory past it. Its `prev_events`
 * are the room's extremities, the first of them where one event cannot name all. The batch is committed, or the room in
 * memory is thrown away.
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
  const slotNid = arrival.slot === undefined ? undefined : parts.slots.intern(transaction, arrival.slot);
  // Projections see the room as it was before the event, and rows that the redaction has changed.
  const redacted = writeRedaction(transaction, room, { event, target: arrival.redacts });
  for (const projection of parts.projections) {
    if (redacted !== undefined && arrival.redacts !== undefined) {
      projection.projectRedacted?.(transaction, arrival.redacts);
    }
    projection.project(transaction, event, room);
    projection.projectOutgoing?.(transaction, event, room);
  }

  room.extremities = [...room.extremities.slice(MAX_PREV_EVENTS), event];
  room.lastRoomIndex++;
  if (slotNid !== undefined) {
    const { type, stateKey = '' } = event.pdu;
    const previous = slotEventIn(room, type, stateKey);
    writeSlotChange(transaction, room, { slotNid, type, stateKey, event, previous }, placeOf(event).position);
    room.current = withSlots(room.current, [[slotNid, event.nid]]);
  }
  return { event, redacted, snapshots: snapshot === undefined ? [] : [snapshot] };
}

/** State before the event: the last snapshot, or the next one where state has changed since. */
export function writeSnapshot(transaction: WriteTransaction, room: LoadedRoom): SnapshotPiece | undefined {
  const { path, beyond } = room.current;
  if (path.length > 0 && beyond.size === 0) return undefined;
  const next =
    path.length === 0 ? { ordinal: 0, parents: [], entries: new Map<number, number>() } : nextSnapshot(path, beyond);
  const piece = { nid: transaction.allocate(), ordinal: next.ordinal, entries: next.entries };
  writeSnapshotPiece(transaction, room, piece, next.parents.at(-1)?.nid);
  room.current = { path: [...next.parents, piece], beyond: new Map() };
  return piece;
}

export function writeSnapshotPiece(
  transaction: WriteTransaction,
  { roomNid }: Pick<LoadedRoom, 'roomNid'>,
  { nid: snapshotNid, ordinal, entries }: SnapshotPiece,
  parentNid: number | undefined,
): void {
  transaction.run(insertSnapshot, { snapshotNid, roomNid, ordinal, parentNid: parentNid ?? null });
  for (const [slotNid, eventNid] of entries ?? []) {
    transaction.run(insertSnapshotEntry, { snapshotNid, slotNid, eventNid });
  }
}

function writeEvent(
  transaction: WriteTransaction,
  room: LoadedRoom,
  arrival: Arrival & { readonly eventNid: number },
): RoomEvent {
  const { pdu, receivedTs, canonicalJson, eventNid } = arrival;
  const { sender, type, stateKey } = pdu;
  const { roomId } = room;
  const published = { kind: 'event', roomId, eventNid, sender, type, stateKey, isToBeSent: true } as const;
  const position = transaction.publish(published);
  const { writer } = transaction;
  const roomIndex = room.lastRoomIndex + 1;
  const stateBefore = room.current.path.at(-1)?.nid;
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
    roomStateBefore: null,
    roomStateAfter: null,
    isRejected: 0,
    isSoftFailed: 0,
    hasUrl: Number(hasUrl(pdu)),
    redactedBy: null,
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
  const [first, ...others] = room.extremities.slice(0, MAX_PREV_EVENTS);
  if (first === undefined) transaction.run(insertForwardExtremity, { roomNid, eventNid });
  else transaction.expect(moveForwardExtremity, { roomNid, from: first.nid, to: eventNid }, EXTREMITY_EXPECTATION);
  if (others.length > 0) {
    transaction.run(deleteForwardExtremities, { roomNid, eventNids: others.map((other) => other.nid) });
  }
}
