import { type Pdu, stateMapKey } from '@limpet/protocol/pdu';
import { deleteMembership, updateMemberEvent, upsertMembership } from '../../storage/queries/memberships.ts';
import { upsertRoomServer } from '../../storage/queries/room-servers.ts';
import { deleteCurrentState, insertStateChange, upsertCurrentState } from '../../storage/queries/state.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { LoadedRoom } from './loaded-room.ts';

/** A slot of a room's current state that comes to hold another event, or none any more. */
export interface SlotChange {
  readonly slotNid: number;
  readonly type: string;
  readonly stateKey: string;
  readonly event: SlotEvent | undefined;
  readonly previous: SlotEvent | undefined;
}

export interface SlotEvent {
  readonly nid: number;
  readonly pdu: Pdu;
}

/**
 * Writes one change of current state with all that follows from it (membership, servers in the room), and moves the
 * room in memory past it. `position` is that of the event that brought it about.
 */
export function writeSlotChange(
  transaction: WriteTransaction,
  room: LoadedRoom,
  change: SlotChange,
  position: number,
): void {
  const { roomNid } = room;
  const { writer } = transaction;
  const { slotNid, type, stateKey, event } = change;
  const previousNid = change.previous?.nid ?? null;
  if (event === undefined) transaction.run(deleteCurrentState, { roomNid, slotNid });
  else {
    const isMember = Number(type === 'm.room.member');
    transaction.run(upsertCurrentState, { roomNid, slotNid, eventNid: event.nid, isMember, writer, position });
  }
  const eventNid = event?.nid ?? null;
  transaction.run(insertStateChange, { roomNid, writer, position, slotNid, eventNid, previousNid });
  if (type === 'm.room.member') writeMembership(transaction, room, change);
  // Whoever decides next must not read what is not on disk yet.
  if (event !== undefined) room.setState(event);
  else room.clearState(type, stateKey);
}

function writeMembership(transaction: WriteTransaction, room: LoadedRoom, change: SlotChange): void {
  const { roomNid, roomId } = room;
  const { stateKey: userId, event } = change;
  const previous = membershipIn(change.previous);
  const membership = event === undefined ? 'leave' : String(event.pdu.content.membership);
  if (event !== undefined && previous === membership) {
    transaction.run(updateMemberEvent, { roomNid, userId, eventNid: event.nid, sender: event.pdu.sender });
    return;
  }
  const position = transaction.publish({ kind: 'membership', roomId, userId, membership, previous });
  const { writer } = transaction;
  if (event === undefined) {
    transaction.run(deleteMembership, { roomNid, userId });
  } else {
    const joinedPosition = membership === 'join' ? position : null;
    const { sender } = event.pdu;
    const row = { roomNid, userId, membership, eventNid: event.nid, sender, joinedPosition, writer, position };
    transaction.run(upsertMembership, row);
  }
  const joins = Number(membership === 'join') - Number(previous === 'join');
  if (joins !== 0) writeServerStep(transaction, room, { userId, joins });
}

/** The first user of another server, or its last one. */
function writeServerStep(
  transaction: WriteTransaction,
  room: LoadedRoom,
  { userId, joins }: { userId: string; joins: number },
): void {
  const step = room.countJoined(userId, joins);
  if (step === undefined) return;
  const position = transaction.publish({ kind: 'room-server', roomId: room.roomId, ...step });
  const { serverName, isIn } = step;
  const place = { writer: transaction.writer, position };
  transaction.run(upsertRoomServer, { roomNid: room.roomNid, serverName, isIn: Number(isIn), ...place });
}

function membershipIn(event: SlotEvent | undefined): string | undefined {
  const membership = event?.pdu.content.membership;
  return typeof membership === 'string' ? membership : undefined;
}

/** What the slot holds in the room in memory; of member events only where that user's was loaded. */
export function slotEventIn(room: LoadedRoom, type: string, stateKey: string): SlotEvent | undefined {
  const key = stateMapKey(type, stateKey);
  const pdu = room.state.get(key);
  const nid = room.nids.get(key);
  return pdu === undefined || nid === undefined ? undefined : { nid, pdu };
}
