import { insertRoom, selectForwardExtremities, updateRoomVersion } from '../../../storage/queries/event-graph.ts';
import { selectMembership, upsertMembership } from '../../../storage/queries/memberships.ts';
import { upsertStrippedState } from '../../../storage/queries/room-servers.ts';
import type { Storage, WriteTransaction } from '../../../storage/storage.ts';
import type { EventStore } from '../event-store.ts';
import type { RoomRecord } from '../room-event.ts';
import type { RemoteMembership } from '../room-receiver.ts';
import type { Slot, SlotTable } from '../slot-table.ts';
import { withSlots } from './with-slots.ts';
import { writeOutlier } from './write-outlier.ts';

export interface RemoteMembershipParts {
  readonly storage: Storage;
  readonly events: EventStore;
}

/** See `RoomReceiver.noteRemoteMembership`. The room is in the table already. */
export async function noteRemoteMembership(
  room: RoomRecord,
  { event: received, strippedState }: RemoteMembership,
  { storage, events, slots }: RemoteMembershipParts & { readonly slots: SlotTable },
): Promise<void> {
  const { pdu } = received;
  const userId = pdu.stateKey ?? '';
  const membership = String(pdu.content.membership);
  const known = (await events.byIds([pdu.eventId])).get(pdu.eventId);
  const [row] = await storage.read(selectMembership, { roomNid: room.nid, userId });
  // A server that did not hear our answer says it again: the user may have declined by now.
  if (known !== undefined && row !== undefined && row.event_nid >= known.nid) return;
  const write = (needed: readonly Slot[]) => (transaction: WriteTransaction) => {
    // Once the user joins, the event is part of a state.
    for (const slot of needed) slots.intern(transaction, slot);
    const eventNid = known?.nid ?? transaction.allocate();
    if (known === undefined) {
      writeOutlier(transaction, room, received, { eventNid, isRejected: false });
    }
    const change = { kind: 'membership', roomId: room.roomId, userId, membership, previous: row?.membership } as const;
    const position = transaction.publish(change);
    const { writer } = transaction;
    const place = { joinedPosition: null, writer, position };
    transaction.run(upsertMembership, {
      roomNid: room.nid,
      userId,
      membership,
      eventNid,
      sender: pdu.sender,
      ...place,
    });
    const json = `[${strippedState.join()}]`;
    transaction.run(upsertStrippedState, { roomNid: room.nid, userId, json });
  };
  await withSlots([{ received }], slots, (needed) => storage.write(write(needed)));
}

/**
 * The room's record, made where there is none: a room that nobody of this server is in yet. What an invite says of the
 * version may be wrong, or a lie, so as long as the room has no event here, the last one who says it is believed: the
 * server that we join over.
 */
export async function recordRoom(
  { roomId, version }: Pick<RemoteMembership, 'roomId' | 'version'>,
  createdTs: number,
  { storage, events }: RemoteMembershipParts,
): Promise<RoomRecord> {
  const known = await events.room(roomId);
  if (known?.version.id === version.id) return known;
  if (known !== undefined) {
    const ends = await storage.read(selectForwardExtremities, { roomNid: known.nid });
    if (ends.length > 0) return known;
    await storage.write((transaction) =>
      transaction.run(updateRoomVersion, { roomNid: known.nid, version: version.id }),
    );
    const corrected = { ...known, version };
    events.rememberRoom(corrected);
    return corrected;
  }
  const { value: nid } = await storage.write((transaction) => {
    const roomNid = transaction.allocate();
    transaction.run(insertRoom, { roomNid, roomId, version: version.id, isListed: 0, createdTs });
    return roomNid;
  });
  const record = { nid, roomId, version, createdTs };
  events.rememberRoom(record);
  return record;
}
