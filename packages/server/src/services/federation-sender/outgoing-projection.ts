import { upsertRoomOutgoing } from '../../storage/queries/outgoing-events.ts';
import type { Projection } from '../rooms/projection.ts';

/** Keeps the latest event of each room that others have to be told: where a server that was away begins again (D3). */
export const outgoingProjection: Projection = {
  project() {},
  projectOutgoing(transaction, { nid: eventNid, place }, room) {
    // Where nobody else is, nobody is told; who comes later gets the room as it is.
    if (place === undefined || room.serversIn.size === 0) return;
    const { writer, position } = place;
    transaction.run(upsertRoomOutgoing, { roomNid: room.roomNid, eventNid, writer, position });
  },
};
