import { releaseEvent } from '../../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../../storage/storage.ts';
import { type Appended, type AppendParts, writeSnapshot } from '../append-event.ts';
import type { LoadedRoom } from '../loaded-room.ts';
import type { RoomEvent } from '../room-event.ts';

/**
 * Gives an event that was kept back its place at the end of the timeline (E5, E7): it becomes due there, is notified
 * like any other (C11), and reaches clients once. The graph and the state stay as they are.
 */
export function appendReleased(
  transaction: WriteTransaction,
  room: LoadedRoom,
  kept: RoomEvent,
  { projections }: AppendParts,
): Appended {
  const snapshot = writeSnapshot(transaction, room);
  const { nid: eventNid } = kept;
  const { sender, type, stateKey } = kept.pdu;
  const { roomId } = room;
  const position = transaction.publish({ kind: 'event', roomId, eventNid, sender, type, stateKey, isToBeSent: false });
  const place = { writer: transaction.writer, position, roomIndex: room.lastRoomIndex + 1 };
  const roomState = room.current.path.at(-1)?.nid;
  if (roomState === undefined) throw new Error(`Room ${room.roomNid} has no state`);
  transaction.run(releaseEvent, { eventNid, ...place, roomStateBefore: roomState, roomStateAfter: roomState });
  const event = { ...kept, place, roomStateBefore: roomState, roomStateAfter: roomState, isSoftFailed: false };
  for (const projection of projections) projection.project(transaction, event, room);
  room.lastRoomIndex = place.roomIndex;
  return { event, redacted: undefined, snapshots: snapshot === undefined ? [] : [snapshot] };
}
