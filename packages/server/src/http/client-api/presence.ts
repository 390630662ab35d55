import { getPresence, setPresence } from '@limpet/protocol/endpoints/client/presence';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { Presence } from '../../services/presence/presence.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';
import { ownUserId } from './own-user-id.ts';

/**
 * Specification: client-server API, "Presence". Where presence is switched off, clients say and ask all the same:
 * nobody is there.
 */
export function presenceRoutes({ presence }: { readonly presence: Presence | undefined }): Route[] {
  return [
    route(getPresence, async ({ path, requester }) => {
      const userId = parseUserId(path.userId);
      const status = await presence?.status(requester.userId, userId);
      return new RawJson(JSON.stringify(status ?? { presence: 'offline' }));
    }),

    route(setPresence, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      const device = { userId, deviceId: requester.deviceId };
      await presence?.set(device, body.presence, body.status_msg ?? undefined);
      return {};
    }),
  ];
}
