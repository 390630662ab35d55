import { claimKeys, getKeyChanges, queryKeys, uploadKeys } from '@limpet/protocol/endpoints/client/keys';
import type { Encryption } from '../../services/encryption/encryption.ts';
import type { SyncService } from '../../services/sync/sync-service.ts';
import { parseSyncToken } from '../../services/sync/sync-token.ts';
import type { StreamVector } from '../../storage/stream.ts';
import { jsonOfMembers } from '../raw-json.ts';
import { type Route, route } from '../route.ts';

export interface KeyServices {
  readonly encryption: Encryption;
  readonly sync: SyncService;
  readonly databaseTag: string;
  /** The vector of what is published: a token beyond it is none of ours. */
  readonly current: () => StreamVector;
}

/** Specification: client-server API, "Key management API". */
export function keyRoutes({ encryption, sync, databaseTag, current }: KeyServices): Route[] {
  return [
    route(uploadKeys, async ({ body, requester }) => {
      await encryption.deviceKeys.upload(requester, {
        deviceKeys: body.device_keys,
        oneTimeKeys: body.one_time_keys ?? {},
        fallbackKeys: body.fallback_keys ?? {},
      });
      const { oneTimeKeys } = await encryption.keyCounts(requester);
      return { one_time_key_counts: { ...oneTimeKeys } };
    }),

    route(queryKeys, async ({ body, requester }) => {
      const asking = { viewer: requester.userId, timeoutMs: body.timeout };
      const found = await encryption.keyQueries.query(body.device_keys, asking);
      return jsonOfMembers([
        ['device_keys', found.deviceKeysJson],
        ['master_keys', found.masterKeysJson],
        ['self_signing_keys', found.selfSigningKeysJson],
        ['user_signing_keys', found.userSigningKeysJson],
        ['failures', JSON.stringify(found.failures)],
      ]);
    }),

    route(claimKeys, async ({ body }) => {
      const { oneTimeKeysJson, failures } = await encryption.keyClaims.claim(body.one_time_keys, body.timeout);
      return jsonOfMembers([
        ['one_time_keys', oneTimeKeysJson],
        ['failures', JSON.stringify(failures)],
      ]);
    }),

    route(getKeyChanges, async ({ query, requester }) => {
      const parse = (parameter: 'from' | 'to') =>
        parseSyncToken(query[parameter], { databaseTag, current: current(), parameter });
      const { changed, left } = await sync.deviceLists(requester, parse('from').vector, parse('to').vector);
      return { changed: [...changed], left: [...left] };
    }),
  ];
}
