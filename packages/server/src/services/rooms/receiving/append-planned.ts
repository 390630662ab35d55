import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { Pdu } from '@limpet/protocol/pdu';
import { redactPdu } from '@limpet/protocol/redaction';
import {
  deleteForwardExtremities,
  insertEvent,
  insertEventEdge,
  insertForwardExtremity,
  placeOutlier,
} from '../../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../../storage/storage.ts';
import { type Appended, type AppendParts, writeSnapshotPiece } from '../append-event.ts';
import { hasUrl } from '../event-filter-matches.ts';
import type { LoadedRoom } from '../loaded-room.ts';
import { type EventPlace, HISTORY_POSITION, type RoomEvent } from '../room-event.ts';
import { takesEffect, writeRedaction } from '../write-redaction.ts';
import { writeSlotChange } from '../write-slot-change.ts';
import type { PlannedArrival } from './planned-arrival.ts';

/**
 * Adds one planned event to the batch, with all its rows and changes, and moves the room in memory past it. `batch`
 * holds what was added before it in the same step, by event ID.
 */
export function appendPlanned(
  transaction: WriteTransaction,
  room: LoadedRoom,
  plan: PlannedArrival,
  parts: AppendParts & { readonly batch: Map<string, RoomEvent> },
): Appended {
  for (const { piece, parentNid } of plan.snapshots) writeSnapshotPiece(transaction, room, piece, parentNid);
  if (plan.slot !== undefined) parts.slots.intern(transaction, plan.slot);
  const redaction = redactionOf(plan, room, parts.batch);
  const place = placeFor(transaction, room, plan);
  const event = eventOf(plan, room, { place, redaction });
  writeRow(transaction, plan, event);
  writeExtremities(transaction, room, plan);
  const { batch, projections } = parts;
  const { redacts } = event.pdu;
  const target = redacts === undefined || place === undefined ? undefined : (batch.get(redacts) ?? plan.redacts);
  const redacted = place === undefined ? undefined : writeRedaction(transaction, room, { event, target });
  if (redacted !== undefined) batch.set(redacted.pdu.eventId, redacted);
  batch.set(event.pdu.eventId, event);
  if (place === undefined) {
    // A5: what a policy server refused is not looked at again.
    const mayComeLater = plan.fate !== 'rejected' && plan.received.refusedBecause === undefined;
    if (mayComeLater) for (const projection of projections) projection.keepBack?.(transaction, event);
  } else {
    for (const projection of projections) {
      if (redacted !== undefined && target !== undefined) projection.projectRedacted?.(transaction, target);
      projection.project(transaction, event, room);
      if (plan.isToBeSent) projection.projectOutgoing?.(transaction, event, room);
    }
    for (const change of plan.changes) writeSlotChange(transaction, room, change, place.position);
    const isResolved = plan.changes.some((change) => change.event?.nid !== event.nid);
    if (isResolved) transaction.publish({ kind: 'state-resolved', roomId: room.roomId });
    if (plan.fate === 'accepted') room.lastRoomIndex = place.roomIndex;
  }
  if (plan.fate === 'soft-failed' && plan.received.refusedBecause === undefined) room.hasRefusedSticky = true;
  room.extremities = plan.extremities;
  room.current = plan.current;
  return { event, redacted, snapshots: plan.snapshots.map(({ piece }) => piece) };
}

/** The first redaction of this event that came before it and takes effect. */
function redactionOf(
  { received, redactions }: PlannedArrival,
  room: LoadedRoom,
  batch: ReadonlyMap<string, RoomEvent>,
): RoomEvent | undefined {
  const inBatch = [...batch.values()].filter(({ pdu, place }) => {
    return place !== undefined && pdu.type === 'm.room.redaction' && pdu.redacts === received.pdu.eventId;
  });
  return [...redactions, ...inBatch].find((redaction) => takesEffect(redaction.pdu, { pdu: received.pdu }, room));
}

function placeFor(transaction: WriteTransaction, room: LoadedRoom, plan: PlannedArrival): EventPlace | undefined {
  if (plan.fate === 'accepted') return placeNext(transaction, room, plan);
  if (plan.fate !== 'past' || room.entered === undefined) return undefined;
  room.entered.lastPastIndex += 1;
  return { writer: transaction.writer, position: HISTORY_POSITION, roomIndex: room.entered.lastPastIndex };
}

function placeNext(transaction: WriteTransaction, room: LoadedRoom, plan: PlannedArrival): EventPlace {
  const { nid: eventNid, isToBeSent } = plan;
  const { sender, type, stateKey } = plan.received.pdu;
  const { roomId } = room;
  const position = transaction.publish({ kind: 'event', roomId, eventNid, sender, type, stateKey, isToBeSent });
  return { writer: transaction.writer, position, roomIndex: room.lastRoomIndex + 1 };
}

interface Circumstances {
  readonly place: EventPlace | undefined;
  readonly redaction: RoomEvent | undefined;
}

function eventOf(plan: PlannedArrival, room: LoadedRoom, { place, redaction }: Circumstances): RoomEvent {
  const { received, nid, stateBefore, fate } = plan;
  // What is of the past has only the state that it rests on.
  const { roomStateBefore, roomStateAfter } = fate === 'past' ? NO_ROOM_STATE : plan;
  return {
    nid,
    room: room.record,
    pdu: redaction === undefined ? received.pdu : redactPdu(received.pdu, room.record.version),
    receivedTs: received.receivedTs,
    place,
    stateBefore,
    roomStateBefore,
    roomStateAfter,
    isRejected: fate === 'rejected',
    isSoftFailed: fate === 'soft-failed',
    redactedBy: redaction?.nid,
  };
}

const NO_ROOM_STATE = { roomStateBefore: undefined, roomStateAfter: undefined };

function writeRow(transaction: WriteTransaction, plan: PlannedArrival, event: RoomEvent): void {
  const { pdu, nid: eventNid, place, redactedBy } = event;
  const json = redactedBy === undefined ? plan.received.canonicalJson : encodeCanonicalJson(pdu.json);
  const row = {
    eventNid,
    roomIndex: place?.roomIndex ?? null,
    writer: place?.writer ?? null,
    position: place?.position ?? null,
    stateBefore: plan.stateBefore,
    roomStateBefore: event.roomStateBefore ?? null,
    roomStateAfter: event.roomStateAfter ?? null,
    isRejected: Number(event.isRejected),
    isSoftFailed: Number(event.isSoftFailed),
    redactedBy: redactedBy ?? null,
    json,
  };
  if (plan.isOutlier) transaction.run(placeOutlier, row);
  else transaction.run(insertEvent, { ...row, ...columnsOf(event, pdu) });
  for (const prevEventId of new Set(pdu.prevEvents)) transaction.run(insertEventEdge, { eventNid, prevEventId });
}

export function columnsOf({ room, receivedTs }: RoomEvent, pdu: Pdu) {
  const { eventId, type, stateKey, sender, depth, originServerTs } = pdu;
  return {
    roomNid: room.nid,
    eventId,
    type,
    stateKey: stateKey ?? null,
    sender,
    // Room versions 1 to 5 take any integer.
    depth: Math.min(depth, Number.MAX_SAFE_INTEGER),
    originServerTs,
    receivedTs,
    hasUrl: Number(hasUrl(pdu)),
  };
}

function writeExtremities(transaction: WriteTransaction, room: LoadedRoom, plan: PlannedArrival): void {
  if (plan.extremities === room.extremities) return;
  const { roomNid } = room;
  const before = new Set(room.extremities.map(({ nid }) => nid));
  const after = new Set(plan.extremities.map(({ nid }) => nid));
  const gone = [...before.difference(after)];
  if (gone.length > 0) transaction.run(deleteForwardExtremities, { roomNid, eventNids: gone });
  for (const eventNid of after.difference(before)) transaction.run(insertForwardExtremity, { roomNid, eventNid });
}
