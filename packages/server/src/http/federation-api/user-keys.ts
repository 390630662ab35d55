import { claimUserKeys, getUserDevices, queryUserKeys } from '@limpet/protocol/endpoints/federation/user-keys';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { Encryption } from '../../services/encryption/encryption.ts';
import { RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** Specification: server-server API, "Device Management", "End-to-End Encryption". */
export function userKeyRoutes({ encryption }: { readonly encryption: Encryption }): Route[] {
  return [
    route(getUserDevices, async ({ path }) => {
      const userId = parseUserId(path.userId);
      const { devicesJson, streamId } = await encryption.ownDevices(userId);
      return new RawJson(`{"devices":${devicesJson},"stream_id":${streamId},"user_id":${JSON.stringify(userId)}}`);
    }),

    route(queryUserKeys, async ({ body }) => {
      return new RawJson(`{"device_keys":${await encryption.deviceKeys.queryOwn(body.device_keys)}}`);
    }),

    route(claimUserKeys, async ({ body }) => {
      return new RawJson(`{"one_time_keys":${await encryption.keyClaims.claimOwn(body.one_time_keys)}}`);
    }),
  ];
}
