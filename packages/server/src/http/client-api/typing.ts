import { setTyping } from '@limpet/protocol/endpoints/client/typing';
import { parseRoomId } from '@limpet/protocol/identifiers';
import type { Ephemeral } from '../../services/ephemeral/ephemeral.ts';
import { type Route, route } from '../route.ts';
import { ownUserId } from './own-user-id.ts';

/** Specification: client-server API, "Typing Notifications". */
export function typingRoutes({ ephemeral }: { readonly ephemeral: Ephemeral }): Route[] {
  return [
    route(setTyping, async ({ path, body, requester }) => {
      const userId = ownUserId(path, requester);
      await ephemeral.setTyping(userId, parseRoomId(path.roomId), { isTyping: body.typing, timeoutMs: body.timeout });
      return {};
    }),
  ];
}
