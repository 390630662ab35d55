import { claimUserKeys, getUserDevices, queryUserKeys } from '@limpet/protocol/endpoints/federation/user-keys';
import { parseUserId } from '@limpet/protocol/identifiers';
import type { Encryption } from '../../services/encryption/encryption.ts';
import { jsonOfMembers, RawJson } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

/** Specification: server-server API, "Device Management", "End-to-End Encryption". */
export function userKeyRoutes({ encryption }: { readonly encryption: Encryption }): Route[] {
  return [
    route(getUserDevices, async ({ path }) => {
      const userId = parseUserId(path.userId);
      const { devicesJson, streamId, masterKeyJson, selfSigningKeyJson } = await encryption.ownDevices(userId);
      const members: [string, string | undefined][] = [
        ['devices', devicesJson],
        ['master_key', masterKeyJson],
        ['self_signing_key', selfSigningKeyJson],
        ['stream_id', String(streamId)],
        ['user_id', JSON.stringify(userId)],
      ];
      return jsonOfMembers(members);
    }),

    route(queryUserKeys, async ({ body }) => {
      const found = await encryption.keyQueries.queryOwn(body.device_keys);
      return jsonOfMembers([
        ['device_keys', found.deviceKeysJson],
        ['master_keys', found.masterKeysJson],
        ['self_signing_keys', found.selfSigningKeysJson],
      ]);
    }),

    route(claimUserKeys, async ({ body }) => {
      return new RawJson(`{"one_time_keys":${await encryption.keyClaims.claimOwn(body.one_time_keys)}}`);
    }),
  ];
}
