import { authorizeEvent } from '@limpet/protocol/authorization/authorize-event';
import { insertEvent, insertEventEdge, placeOutlier } from '../../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../../storage/storage.ts';
import { type AppendParts, writeSnapshotPiece } from '../append-event.ts';
import { loadSnapshotPieces } from '../load-room.ts';
import type { LoadedRoom } from '../loaded-room.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomEvent } from '../room-event.ts';
import { HISTORY_POSITION, placeOf } from '../room-event.ts';
import type { Slot } from '../slot-table.ts';
import { type StateRef, withSlots } from '../state-ref.ts';
import { columnsOf } from './append-planned.ts';
import { type DraftRoom, plannedAsEvent } from './draft-room.ts';
import type { NewSnapshot } from './planned-arrival.ts';
import type { Planning } from './planning.ts';

/** An event of the past, as it will be written. */
interface PastEvent {
  readonly received: ReceivedEvent;
  readonly nid: number;
  readonly isOutlier: boolean;
  readonly isRejected: boolean;
  readonly snapshots: readonly NewSnapshot[];
  readonly stateBefore: number;
  readonly slot: Slot | undefined;
}

/** Checks 4 and 5 for events of the past, oldest first, on top of the state before the first of them. */
export async function planHistory(
  draft: DraftRoom,
  received: readonly ReceivedEvent[],
  planning: Planning,
  stateBefore: StateRef,
): Promise<PastEvent[]> {
  const planned: PastEvent[] = [];
  let state = stateBefore;
  for (const one of received) {
    const { pdu } = one;
    const known = planning.known(pdu.eventId);
    if (known?.stateBefore !== undefined) {
      state = await planning.stateAfterNid(known.nid);
      continue;
    }
    state = await stateBeforeOf(one, state, planning);
    const slot = await planning.slotOf(pdu);
    const nid = known?.nid ?? planning.nextNid();
    const snapshots: NewSnapshot[] = [];
    await loadSnapshotPieces(state, 1, planning.storage);
    state = draft.snapshotOf(state, snapshots, planning.nextNid);
    const snapshotNid = state.path.at(-1)?.nid;
    if (snapshotNid === undefined) throw new Error('The state of the past has no snapshot');
    const authorizing = await planning.authorizing(state, pdu);
    const isRejected =
      known?.isRejected === true || !authorizeEvent(pdu, authorizing, draft.room.record.version).allowed;
    if (slot?.nid !== undefined && !isRejected) state = withSlots(state, [[slot.nid, nid]]);
    const past = { received: one, nid, isOutlier: known !== undefined, isRejected, snapshots, slot };
    planned.push({ ...past, stateBefore: snapshotNid });
    const fate = isRejected ? 'rejected' : 'accepted';
    planning.remember(plannedAsEvent({ nid, received: one, stateBefore: snapshotNid, fate }, draft.room), state);
  }
  return planned;
}

/** After what it names, where all of that is here; else on top of what came before it in the list. */
async function stateBeforeOf({ pdu }: ReceivedEvent, running: StateRef, planning: Planning): Promise<StateRef> {
  const previous = pdu.prevEvents.map((eventId) => planning.known(eventId));
  const states: StateRef[] = [];
  for (const event of previous) {
    if (event?.stateBefore === undefined) return running;
    states.push(await planning.stateAfterNid(event.nid));
  }
  return states.length === 0 ? running : planning.resolve(states);
}

/** Writes them with the highest `room_index` just before the first that is there. */
export function writeHistory(
  transaction: WriteTransaction,
  room: LoadedRoom,
  { planned, firstIndex }: { planned: readonly PastEvent[]; firstIndex: number },
  parts: AppendParts,
): RoomEvent[] {
  const written: RoomEvent[] = [];
  let roomIndex = firstIndex - planned.length;
  for (const past of planned) {
    for (const { piece, parentNid } of past.snapshots) writeSnapshotPiece(transaction, room, piece, parentNid);
    if (past.slot !== undefined) parts.slots.intern(transaction, past.slot);
    const place = { writer: transaction.writer, position: HISTORY_POSITION, roomIndex };
    const event: RoomEvent = {
      nid: past.nid,
      room: room.record,
      pdu: past.received.pdu,
      receivedTs: past.received.receivedTs,
      place,
      stateBefore: past.stateBefore,
      isRejected: past.isRejected,
      isSoftFailed: false,
      redactedBy: undefined,
    };
    writeRow(transaction, event, past);
    for (const projection of parts.projections) if (!past.isRejected) projection.project(transaction, event, room);
    written.push(event);
    roomIndex += 1;
  }
  return written;
}

function writeRow(transaction: WriteTransaction, event: RoomEvent, past: PastEvent): void {
  const { nid: eventNid, pdu } = event;
  const row = {
    ...placeOf(event),
    eventNid,
    stateBefore: past.stateBefore,
    roomStateBefore: null,
    roomStateAfter: null,
    isRejected: Number(past.isRejected),
    isSoftFailed: 0,
    redactedBy: null,
    json: past.received.canonicalJson,
  };
  if (past.isOutlier) transaction.run(placeOutlier, row);
  else transaction.run(insertEvent, { ...row, ...columnsOf(event, pdu) });
  for (const prevEventId of new Set(pdu.prevEvents)) transaction.run(insertEventEdge, { eventNid, prevEventId });
}
