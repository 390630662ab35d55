import { defineFilter, getFilter } from '@limpet/protocol/endpoints/client/filters';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Filtering". */
export function filterRoutes({ accounts }: AccountServices): Route[] {
  const { filters } = accounts;
  return [
    route(defineFilter, async ({ path, body, requester }) => ({
      filter_id: await filters.save(ownUserId(path, requester), body),
    })),
    route(
      getFilter,
      async ({ path, requester }) => new RawJson(await filters.json(ownUserId(path, requester), path.filterId)),
    ),
  ];
}
