import {
  getLocked,
  getSuspended,
  getWhoIs,
  setLocked,
  setSuspended,
} from '@limpet/protocol/endpoints/client/administration';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import type { Device } from '../../services/accounts/devices.ts';
import { type Route, route } from '../route.ts';
import type { AccountServices } from './account-services.ts';

/** Specification: client-server API, "Server administration". */
export function administrationRoutes({ accounts }: AccountServices): Route[] {
  const { moderation, devices } = accounts;
  return [
    route(getWhoIs, async ({ path, requester }) => {
      const userId = parseUserId(path.userId);
      await moderation.checkMayLookUp(requester.userId, userId);
      const sessions = (await devices.list(userId)).map((device) => [device.deviceId, sessionsOf(device)]);
      return { user_id: userId, devices: Object.fromEntries(sessions) };
    }),

    route(getLocked, async ({ path, requester }) => {
      const { isLocked } = await moderation.accountFor(requester.userId, parseUserId(path.userId));
      return { locked: isLocked };
    }),
    route(setLocked, async ({ path, body: { locked }, requester }) => {
      const change = { restriction: 'locked', isRestricted: locked } as const;
      await moderation.restrictAs(requester.userId, parseUserId(path.userId), change);
      return { locked };
    }),

    route(getSuspended, async ({ path, requester }) => {
      const { isSuspended } = await moderation.accountFor(requester.userId, parseUserId(path.userId));
      return { suspended: isSuspended };
    }),
    route(setSuspended, async ({ path, body: { suspended }, requester }) => {
      const change = { restriction: 'suspended', isRestricted: suspended } as const;
      await moderation.restrictAs(requester.userId, parseUserId(path.userId), change);
      return { suspended };
    }),
  ];
}

/** A device has one session, and of its connections the last one is known. */
function sessionsOf({ lastSeenIp, lastSeenTs, userAgent }: Device): JsonObject {
  const connection = {
    ...(lastSeenIp === undefined ? {} : { ip: lastSeenIp }),
    ...(lastSeenTs === undefined ? {} : { last_seen: lastSeenTs }),
    ...(userAgent === undefined ? {} : { user_agent: userAgent }),
  };
  return { sessions: [{ connections: [connection] }] };
}
