import {
  redactEvent,
  sendMessageEvent,
  setStateWithEmptyKey,
  setStateWithKey,
} from '@limpet/protocol/endpoints/client/room-sending';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import type { Requester } from '../authenticate.ts';
import { type Route, route } from '../route.ts';
import type { RoomWritingServices } from './room-writing-services.ts';
import { DELAY_PARAMETER, scheduleByQuery } from './schedule-by-query.ts';
import { stickyFieldOf } from './sticky-parameter.ts';

interface StateAsked {
  readonly path: { readonly roomId: string; readonly eventType: string; readonly stateKey: string };
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: JsonObject;
  readonly requester: Requester;
}

/** Specification: client-server API, "Sending events to a room" and "Redactions". */
export function roomSendingRoutes(services: RoomWritingServices): Route[] {
  const { rooms, rateLimits, stickyEvents } = services;
  const { sending } = rooms;

  async function setState({ path, query, body, requester }: StateAsked): Promise<JsonObject> {
    const roomId = parseRoomId(path.roomId);
    // A4: of clients that make sticky state, all are of the time of the older name.
    const { queryParameter } = UNSTABLE_STICKY_NAMES;
    const extraTopLevel = stickyFieldOf({ [queryParameter]: query[queryParameter] }, stickyEvents);
    const { eventType: type, stateKey } = path;
    if (query[DELAY_PARAMETER] !== undefined) {
      const event = { roomId, type, stateKey, content: body, extraTopLevel, transaction: undefined };
      return scheduleByQuery({ query, requester, event }, services);
    }
    rateLimits.take('send', requester.userId, roomId);
    const sender = { userId: requester.userId };
    return { event_id: await sending.setState({ sender, roomId, type, stateKey, content: body, extraTopLevel }) };
  }

  return [
    route(sendMessageEvent, async ({ path, query, body, requester }) => {
      const roomId = parseRoomId(path.roomId);
      const { eventType: type, txnId } = path;
      const event = { roomId, type, content: body, extraTopLevel: stickyFieldOf(query, stickyEvents) };
      if (query[DELAY_PARAMETER] !== undefined) {
        const transaction = { scope: `send/${roomId}/${type}`, id: txnId };
        return scheduleByQuery({ query, requester, event: { ...event, stateKey: undefined, transaction } }, services);
      }
      rateLimits.take('send', requester.userId, roomId);
      return { event_id: await sending.sendEvent({ ...event, sender: senderOf(requester, txnId) }) };
    }),

    route(setStateWithKey, setState),

    route(setStateWithEmptyKey, ({ path, ...asked }) => setState({ path: { ...path, stateKey: '' }, ...asked })),

    route(redactEvent, async ({ path, body, requester }) => {
      const roomId = parseRoomId(path.roomId);
      const eventId = parseEventId(path.eventId);
      rateLimits.take('send', requester.userId, roomId);
      const sender = senderOf(requester, path.txnId);
      const isOwnOnly = requester.standing.isSuspended;
      return { event_id: await sending.redact({ sender, roomId, eventId, content: reasonOf(body), isOwnOnly }) };
    }),
  ];
}

function senderOf({ userId, deviceId }: Requester, transactionId: string) {
  return { userId, deviceId, transactionId };
}

function reasonOf({ reason }: { reason?: string | undefined }): JsonObject {
  return reason === undefined ? {} : { reason };
}
