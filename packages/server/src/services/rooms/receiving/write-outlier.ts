import { insertOutlier } from '../../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../../storage/storage.ts';
import { hasUrl } from '../event-filter-matches.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RoomRecord } from '../room-event.ts';

/** Adds an event to the batch that stands beside the graph. Its slot, if it is a state event, is written with it. */
export function writeOutlier(
  transaction: WriteTransaction,
  room: RoomRecord,
  { pdu, canonicalJson, receivedTs }: ReceivedEvent,
  { eventNid, isRejected }: { readonly eventNid: number; readonly isRejected: boolean },
): void {
  transaction.run(insertOutlier, {
    eventNid,
    eventId: pdu.eventId,
    roomNid: room.nid,
    type: pdu.type,
    stateKey: pdu.stateKey ?? null,
    sender: pdu.sender,
    depth: Math.min(pdu.depth, Number.MAX_SAFE_INTEGER),
    originServerTs: pdu.originServerTs,
    receivedTs,
    isRejected: Number(isRejected),
    hasUrl: Number(hasUrl(pdu)),
    json: canonicalJson,
  });
}
