import { getNotifications, getPushers, setPusher } from '@limpet/protocol/endpoints/client/pushers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { PushDelivery } from '../../services/push/push-delivery.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** Specification: client-server API, "Push Notifications". */
export function pusherRoutes({ pushers, notifications }: PushDelivery): Route[] {
  return [
    route(getPushers, async ({ requester }) => {
      return new RawJson(`{"pushers":[${(await pushers.list(requester.userId)).join()}]}`);
    }),

    route(setPusher, async ({ body, requester }) => {
      const { kind, append = false, ...pusher } = body;
      if (kind === null) await pushers.remove(requester.userId, pusher);
      else await pushers.set(requester, { ...pusher, kind }, { append });
      return {};
    }),

    route(getNotifications, async ({ query, requester }) => {
      const { userId, deviceId } = requester;
      const before = query.from === undefined ? undefined : readToken(query.from);
      const onlyHighlights = query.only === 'highlight';
      const page = await notifications.page({ userId, deviceId, before, limit: query.limit, onlyHighlights });
      const next = page.next === undefined ? '' : `,"next_token":"${TOKEN_PREFIX}${page.next}"`;
      return new RawJson(`{"notifications":[${page.texts.join()}]${next}}`);
    }),
  ];
}

const TOKEN_PREFIX = 'n';
const TOKEN = /^n([0-9]{1,15})$/;

/** A position in the stream. */
function readToken(text: string): number {
  const [, digits] = TOKEN.exec(text) ?? [];
  if (digits === undefined) throw new MatrixError('M_INVALID_PARAM', 'from must be a "next_token" of this endpoint.');
  return Number(digits);
}
