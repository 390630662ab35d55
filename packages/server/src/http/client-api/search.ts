import { postSearch } from '@limpet/protocol/endpoints/client/search';
import { parseRoomEventFilter } from '../../services/accounts/filter.ts';
import type { RoomEvent } from '../../services/rooms/room-event.ts';
import type { EventViewer } from '../../services/rooms/room-reader.ts';
import type { SearchService } from '../../services/search/create-search.ts';
import { groupValue, type SearchRequest, type SearchResults } from '../../services/search/search.ts';
import type { HitContext } from '../../services/search/search-details.ts';
import { formatSearchPlace, parseSearchPlace, type SearchGroup } from '../../services/search/search-place.ts';
import { formatTimelineToken } from '../../services/sync/sync-token.ts';
import type { RateLimits } from '../rate-limits.ts';
import type { RawJson } from '../raw-json.ts';
import { type EndpointRequest, type Route, route } from '../route.ts';
import { jsonObject, list, type RoomReadingServices, viewerOf } from './room-history.ts';

/** How many results are given where the client does not say, and how many events around each. */
const DEFAULT_LIMIT = 10;
const DEFAULT_CONTEXT = 5;

export interface SearchServices extends RoomReadingServices {
  readonly search: SearchService;
  readonly rateLimits: RateLimits;
}

type RoomEventsCriteria = NonNullable<EndpointRequest<typeof postSearch>['body']['search_categories']['room_events']>;

/** Specification: client-server API, "Server Side Search". */
export function searchRoutes(services: SearchServices): Route[] {
  const { search, details } = services.search;
  const { databaseTag } = services.storage;

  return [
    route(postSearch, async ({ body, query, requester }) => {
      const criteria = body.search_categories.room_events;
      if (criteria === undefined) return { search_categories: {} };
      const { userId } = requester;
      services.rateLimits.take('lookUp', userId);
      const found = await search.find(userId, searchRequest(criteria, query.next_batch, databaseTag));
      const { event_context: asked, include_state: withState } = criteria;
      const contexts = asked && (await details.contexts(userId, found.hits, contextRequest(asked)));
      const states = withState === true ? await details.states(userId, found.hits) : undefined;
      const writer = new SearchWriter(services, viewerOf(requester));
      const roomEvents = jsonObject({
        count: String(found.count),
        highlights: JSON.stringify(found.highlights),
        results: await writer.results(found, contexts),
        state: states && (await writer.states(states)),
        groups: writer.groups(found, criteria.groupings?.group_by?.map(({ key }) => key) ?? []),
        next_batch: found.next && JSON.stringify(formatSearchPlace(found.next, databaseTag)),
      });
      return jsonObject({ search_categories: `{"room_events":${roomEvents.text}}` });
    }),
  ];
}

function searchRequest(criteria: RoomEventsCriteria, token: string | undefined, databaseTag: string): SearchRequest {
  const filter = parseRoomEventFilter(criteria.filter ?? {});
  return {
    term: criteria.search_term,
    keys: criteria.keys,
    filter,
    orderBy: criteria.order_by ?? 'rank',
    limit: filter.limit ?? DEFAULT_LIMIT,
    place: token === undefined || token === '' ? undefined : parseSearchPlace(token, databaseTag),
  };
}

function contextRequest(asked: NonNullable<RoomEventsCriteria['event_context']>) {
  return {
    before: asked.before_limit ?? DEFAULT_CONTEXT,
    after: asked.after_limit ?? DEFAULT_CONTEXT,
    withProfiles: asked.include_profile ?? false,
  };
}

/** Writes the parts of an answer as JSON texts. */
class SearchWriter {
  readonly #services: SearchServices;
  readonly #viewer: EventViewer;

  constructor(services: SearchServices, viewer: EventViewer) {
    this.#services = services;
    this.#viewer = viewer;
  }

  async results({ hits }: SearchResults, contexts: ReadonlyMap<number, HitContext> | undefined): Promise<string> {
    const texts = await this.#present(hits.map(({ event }) => event));
    const results: string[] = [];
    for (const [index, { event, rank }] of hits.entries()) {
      const context = contexts?.get(event.nid);
      const contextText = context && (await this.#context(context)).text;
      results.push(jsonObject({ rank: JSON.stringify(rank), result: texts[index], context: contextText }).text);
    }
    return list(results);
  }

  async states(states: ReadonlyMap<string, readonly RoomEvent[]>): Promise<string> {
    const texts: string[] = [];
    for (const [roomId, events] of states) {
      texts.push(`${JSON.stringify(roomId)}:${list(await this.#present(events))}`);
    }
    return `{${texts.join()}}`;
  }

  /** In the order of their first results. */
  groups(found: SearchResults, keys: readonly SearchGroup['key'][]): string | undefined {
    const texts = [...new Set(keys)].map((key) => {
      const groups = Map.groupBy(found.hits, ({ event }) => groupValue(key, event));
      const inside = [...groups].map(([value, hits], index) => {
        const next = found.nextOf({ key, value });
        const text = JSON.stringify({
          order: index + 1,
          results: hits.map(({ event }) => event.pdu.eventId),
          next_batch: next && formatSearchPlace(next, this.#services.storage.databaseTag),
        });
        return `${JSON.stringify(value)}:${text}`;
      });
      return `"${key}":{${inside.join()}}`;
    });
    return texts.length === 0 ? undefined : `{${texts.join()}}`;
  }

  async #context({ before, after, start, end, profiles }: HitContext): Promise<RawJson> {
    const { databaseTag } = this.#services.storage;
    return jsonObject({
      start: JSON.stringify(formatTimelineToken(start, databaseTag)),
      end: JSON.stringify(formatTimelineToken(end, databaseTag)),
      events_before: list(await this.#present(before)),
      events_after: list(await this.#present(after)),
      profile_info: profiles && JSON.stringify(profiles),
    });
  }

  #present(events: readonly RoomEvent[]): Promise<string[]> {
    return this.#services.reading.rooms.present(events, this.#viewer);
  }
}
