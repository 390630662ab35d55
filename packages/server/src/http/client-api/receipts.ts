import { sendReceipt, setReadMarkers } from '@limpet/protocol/endpoints/client/receipts';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import type { Ephemeral } from '../../services/ephemeral/ephemeral.ts';
import { type Route, route } from '../route.ts';

const MARKER_TYPES = ['m.fully_read', 'm.read', 'm.read.private'] as const;

/** Specification: client-server API, "Receipts" and "Fully read markers". */
export function receiptRoutes({ ephemeral }: { readonly ephemeral: Ephemeral }): Route[] {
  const { readMarkers } = ephemeral;
  return [
    route(sendReceipt, async ({ path, body, requester }) => {
      const marker = { type: path.receiptType, eventId: parseEventId(path.eventId), threadId: body.thread_id };
      await readMarkers.set(requester.userId, parseRoomId(path.roomId), [marker]);
      return {};
    }),

    route(setReadMarkers, async ({ path, body, requester }) => {
      const markers = MARKER_TYPES.flatMap((type) => {
        const eventId = body[type];
        return eventId === undefined ? [] : [{ type, eventId: parseEventId(eventId), threadId: undefined }];
      });
      await readMarkers.set(requester.userId, parseRoomId(path.roomId), markers);
      return {};
    }),
  ];
}
