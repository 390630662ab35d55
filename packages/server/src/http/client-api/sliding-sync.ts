import { slidingSyncEndpoint } from '@limpet/protocol/endpoints/client/sliding-sync';
import { parseSlidingRequest } from '../../services/sync/sliding/parse-sliding-request.ts';
import type { SlidingSyncService } from '../../services/sync/sliding/sliding-sync-service.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** Specification: MSC4186. */
export function slidingSyncRoutes(sliding: SlidingSyncService): Route[] {
  return [
    route(
      slidingSyncEndpoint,
      async ({ query, body, requester: { userId, deviceId }, signal }) =>
        new RawJson(await sliding.sync(parseSlidingRequest({ query, body }, { userId, deviceId, signal }))),
    ),
  ];
}
