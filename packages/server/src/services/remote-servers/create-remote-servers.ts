import type { SigningKey } from '@limpet/protocol/signing';
import type { Config } from '../../config.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import { KeyFetcher } from './key-fetcher.ts';
import { OwnKeys } from './own-keys.ts';
import { RemoteRequests } from './remote-requests.ts';
import { RemoteServerKeys } from './remote-server-keys.ts';
import type { RemoteServers } from './remote-servers.ts';
import { createServerRoutes } from './server-routes.ts';

export interface RemoteServersParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly config: Config;
  readonly signingKey: SigningKey;
}

/** What the server has besides: what it says of itself. */
export interface RemoteServersService extends RemoteServers {
  readonly ownKeys: OwnKeys;
}

export function createRemoteServers(parts: RemoteServersParts): RemoteServersService {
  const { storage, platform, config, signingKey } = parts;
  const { serverName, federation } = config;
  const ownKeys = new OwnKeys(serverName, signingKey, platform.clock);
  const requests = new RemoteRequests({
    serverName,
    isEnabled: federation.enabled,
    signingKey,
    outboundHttp: platform.outboundHttp,
    routes: createServerRoutes(federation.servers),
  });
  const fetcher = new KeyFetcher({ requests, log: platform.log });
  const keys = new RemoteServerKeys({
    serverName,
    storage,
    platform,
    ownKeys,
    fetch: (name) => fetcher.fetch(name),
  });
  return {
    ownKeys,
    keys,
    request: (destination, request) => requests.send(destination, request, true),
  };
}
