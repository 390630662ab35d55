import {
  getEvent,
  getEventAuth,
  getEventByTimestamp,
  getState,
  getStateIds,
} from '@limpet/protocol/endpoints/federation/events';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import type { Clock } from '../../platform/clock.ts';
import type { Resident } from '../../services/federation-inbound/resident/resident.ts';
import { HttpAnswer } from '../http-answer.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** What the handlers that give events work with. */
export interface EventServices {
  readonly resident: Resident;
  readonly serverName: string;
  readonly clock: Clock;
}

/** Specification: server-server API, "Retrieving events". */
export function federationEventRoutes(services: EventServices): Route[] {
  const { served, states } = services.resident;
  return [
    route(getEvent, async ({ path, requester }) =>
      transaction([await served.event(parseEventId(path.eventId), requester.serverName)], services),
    ),

    route(getState, async ({ path, query, requester }) =>
      json(await states.state({ ...asked(path.roomId, query.event_id), serverName: requester.serverName })),
    ),

    route(getStateIds, async ({ path, query, requester }) =>
      json(await states.stateIds({ ...asked(path.roomId, query.event_id), serverName: requester.serverName })),
    ),

    route(getEventAuth, async ({ path, requester }) =>
      json(await states.eventAuth({ ...asked(path.roomId, path.eventId), serverName: requester.serverName })),
    ),

    route(getEventByTimestamp, async ({ path, query, requester }) => {
      const wanted = { ts: query.ts, direction: query.dir };
      const found = await served.byTime(parseRoomId(path.roomId), requester.serverName, wanted);
      return { event_id: found.eventId, origin_server_ts: found.originServerTs };
    }),
  ];
}

/** Events as a transaction holds them. */
export function transaction(texts: readonly string[], { serverName, clock }: EventServices): RawJson {
  const origin = JSON.stringify(serverName);
  return new RawJson(`{"origin":${origin},"origin_server_ts":${clock.nowMs()},"pdus":[${texts.join(',')}]}`);
}

/** An answer that is bytes of JSON already. */
export function json(bytes: Uint8Array): HttpAnswer {
  return new HttpAnswer(200, bytes, { 'content-type': 'application/json' });
}

function asked(roomId: string, eventId: string): { roomId: string; eventId: string } {
  return { roomId: parseRoomId(roomId), eventId: parseEventId(eventId) };
}
