import { syncEndpoint } from '@limpet/protocol/endpoints/client/sync';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { type Filter, NO_FILTER, parseFilter } from '../../services/accounts/filter.ts';
import type { Filters } from '../../services/accounts/filters.ts';
import type { SyncService } from '../../services/sync/sync-service.ts';
import { parseSyncToken } from '../../services/sync/sync-token.ts';
import type { StreamVector } from '../../storage/stream.ts';
import { RawJson } from '../raw-json.ts';
import { type EndpointRequest, type Route, route } from '../route.ts';

export interface SyncParts {
  readonly sync: SyncService;
  readonly filters: Filters;
  readonly databaseTag: string;
  /** The vector of what is published: a token beyond it is none of ours. */
  readonly current: () => StreamVector;
}

/** Specification: client-server API, "Syncing". */
export function syncRoutes({ sync, filters, databaseTag, current }: SyncParts): Route[] {
  return [
    route(syncEndpoint, async ({ query, requester, signal }) => {
      // An empty `since` is how some clients say that they have none.
      const since = query.since
        ? parseSyncToken(query.since, { databaseTag, current: current(), parameter: 'since' })
        : undefined;
      const text = await sync.sync({
        userId: requester.userId,
        deviceId: requester.deviceId,
        since,
        filter: await readFilter(filters, requester.userId, query.filter),
        fullState: query.full_state ?? false,
        setPresence: query.set_presence,
        timeoutMs: query.timeout ?? 0,
        stateAfterName: stateAfterName(query),
        signal,
      });
      return new RawJson(text);
    }),
  ];
}

type Requester = EndpointRequest<typeof syncEndpoint>['requester'];

async function readFilter(filters: Filters, userId: Requester['userId'], text: string | undefined): Promise<Filter> {
  if (text === undefined || text === '') return NO_FILTER;
  if (!text.startsWith('{')) return filters.load(userId, text);
  try {
    return parseFilter(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new MatrixError('M_NOT_JSON', 'filter is neither a filter ID nor JSON.');
    throw error;
  }
}

function stateAfterName(query: EndpointRequest<typeof syncEndpoint>['query']): string | undefined {
  if (query.use_state_after === true) return 'state_after';
  return query['org.matrix.msc4222.use_state_after'] === true ? 'org.matrix.msc4222.state_after' : undefined;
}
