import { backfill, getMissingEvents } from '@limpet/protocol/endpoints/federation/backfill';
import { asEventId, parseRoomId } from '@limpet/protocol/identifiers';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { type EventServices, transaction } from './events.ts';

/** Specification: server-server API, "Backfilling and retrieving missing events". */
export function backfillRoutes(services: EventServices): Route[] {
  const { walks } = services.resident;
  return [
    route(backfill, async ({ path, query, requester }) => {
      const question = { roomId: parseRoomId(path.roomId), from: eventIdsIn(query.v), limit: query.limit };
      return transaction(await walks.backfill({ ...question, serverName: requester.serverName }), services);
    }),

    route(getMissingEvents, async ({ path, body, requester }) => {
      const texts = await walks.missing({
        serverName: requester.serverName,
        roomId: parseRoomId(path.roomId),
        earliest: onlyEventIds(body.earliest_events),
        latest: onlyEventIds(body.latest_events),
        limit: body.limit,
        minDepth: body.min_depth,
      });
      return new RawJson(`{"events":[${texts.join(',')}]}`);
    }),
  ];
}

/** A list as the specification has it, with commas in between, or the parameter over and over, as servers do it. */
function eventIdsIn(values: readonly string[]): string[] {
  return onlyEventIds(values.flatMap((value) => value.split(/,(?=\$)/)));
}

/** What is no event ID names no event. */
function onlyEventIds(values: readonly string[]): string[] {
  return values.filter((value) => asEventId(value) !== undefined);
}
