import {
  getThreadSubscription,
  getThreadSubscriptions,
  subscribeToThread,
  unsubscribeFromThread,
} from '@limpet/protocol/endpoints/client/thread-subscriptions';
import { parseEventId, parseRoomId } from '@limpet/protocol/identifiers';
import { parseSlidingPos } from '../../services/sync/sliding/sliding-pos.ts';
import { formatSyncToken, parseSyncToken } from '../../services/sync/sync-token.ts';
import { subscriptionMaps } from '../../services/thread-subscriptions/subscription-maps.ts';
import type { ThreadOfUser, ThreadSubscriptions } from '../../services/thread-subscriptions/thread-subscriptions.ts';
import type { StreamVector } from '../../storage/stream.ts';
import { type Route, route } from '../route.ts';

/** Changes in one page where the client does not say. */
const DEFAULT_LIMIT = 100;

export interface ThreadSubscriptionsParts {
  readonly subscriptions: ThreadSubscriptions;
  readonly databaseTag: string;
  readonly current: () => StreamVector;
}

/** Specification: MSC4306, and MSC4308 "Companion endpoint". */
export function threadSubscriptionRoutes({ subscriptions, databaseTag, current }: ThreadSubscriptionsParts): Route[] {
  /** A `pos` of sliding sync will do as well as a token of this endpoint. */
  const vectorOf = (text: string | undefined, parameter: string) => {
    if (!text) return undefined;
    const here = { databaseTag, current: current() };
    return parseSlidingPos(text, here)?.vector ?? parseSyncToken(text, { ...here, parameter }).vector;
  };

  return [
    route(subscribeToThread, async ({ path, body, requester }) => {
      const thread = threadOf(path, requester.userId);
      if (body.automatic === undefined) await subscriptions.subscribe(thread);
      else await subscriptions.subscribeBecauseOf(thread, parseEventId(body.automatic));
      return {};
    }),

    route(unsubscribeFromThread, async ({ path, requester }) => {
      await subscriptions.unsubscribe(threadOf(path, requester.userId));
      return {};
    }),

    route(getThreadSubscription, async ({ path, requester }) => {
      const { isAutomatic } = await subscriptions.find(threadOf(path, requester.userId));
      return { automatic: isAutomatic };
    }),

    route(getThreadSubscriptions, async ({ query, requester }) => {
      const range = { since: vectorOf(query.to, 'to'), upTo: vectorOf(query.from, 'from') ?? current() };
      const page = await subscriptions.changed(requester.userId, range, query.limit ?? DEFAULT_LIMIT);
      const { olderUpTo } = page;
      const end = olderUpTo && { vector: olderUpTo, sticky: undefined, toDeviceUpTo: undefined };
      return {
        ...subscriptionMaps(page.changes),
        ...(end === undefined ? {} : { end: formatSyncToken(end, databaseTag) }),
      };
    }),
  ];
}

function threadOf(path: { roomId: string; eventId: string }, userId: string): ThreadOfUser {
  return { userId, roomId: parseRoomId(path.roomId), rootId: parseEventId(path.eventId) };
}
