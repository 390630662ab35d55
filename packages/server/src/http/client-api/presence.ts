import { getPresence, setPresence } from '@limpet/protocol/endpoints/client/presence';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { Presence } from '../../services/presence/presence.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Presence". */
export function presenceRoutes({ presence }: { readonly presence: Presence }): Route[] {
  return [
    route(getPresence, async ({ path, requester }) => {
      const userId = parseUserId(path.userId);
      return new RawJson(JSON.stringify(await presence.status(requester.userId, userId)));
    }),

    route(setPresence, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      const device = { userId, deviceId: requester.deviceId };
      await presence.set(device, body.presence, body.status_msg ?? undefined);
      return {};
    }),
  ];
}
