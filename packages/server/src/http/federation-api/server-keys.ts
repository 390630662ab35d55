import {
  getKeyOfServer,
  getKeysOfServer,
  getServerKey,
  getServerKeys,
  queryKeysOfServers,
} from '@limpet/protocol/endpoints/federation/server-keys';
import type { JsonObject } from '@limpet/protocol/json';
import type { KeyNotary } from '../../services/remote-servers/key-notary.ts';
import type { OwnKeys } from '../../services/remote-servers/own-keys.ts';
import { type Route, route } from '../route.ts';

export interface ServerKeysServices {
  readonly ownKeys: OwnKeys;
  readonly notary: KeyNotary;
}

/** Specification: server-server API, "Retrieving server keys". */
export function serverKeysRoutes({ ownKeys, notary }: ServerKeysServices): Route[] {
  const ofOne = async (path: { serverName: string }, minimum: number | undefined): Promise<JsonObject> => ({
    server_keys: await notary.query(new Map([[path.serverName, minimum]])),
  });
  return [
    route(getServerKeys, () => ownKeys.document()),
    route(getServerKey, () => ownKeys.document()),
    route(getKeysOfServer, ({ path, query }) => ofOne(path, query.minimum_valid_until_ts)),
    route(getKeyOfServer, ({ path, query }) => ofOne(path, query.minimum_valid_until_ts)),
    route(queryKeysOfServers, async ({ body }) => {
      const wanted = Object.entries(body.server_keys).map(
        ([serverName, keys]) => [serverName, latest(Object.values(keys))] as const,
      );
      return { server_keys: await notary.query(new Map(wanted)) };
    }),
  ];
}

/** One answer has all keys of a server, so it has to do for the one wanted the longest. */
function latest(keys: readonly { readonly minimum_valid_until_ts?: number }[]): number | undefined {
  const times = keys.flatMap(({ minimum_valid_until_ts: time }) => time ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}
