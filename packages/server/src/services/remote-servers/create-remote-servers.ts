import type { SigningKey } from '@limpet/protocol/signing';
import type { Config } from '../../config.ts';
import type { OldKey } from '../../platform/key-file.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Storage } from '../../storage/storage.ts';
import { createServerRoutes } from './create-server-routes.ts';
import { type HeardFromListener, HeardServers } from './heard-servers.ts';
import { KeyFetcher } from './key-fetcher.ts';
import { KeyNotary } from './key-notary.ts';
import { OwnKeys } from './own-keys.ts';
import { RecentFailures } from './recent-failures.ts';
import type { RemoteDownloads } from './remote-downloads.ts';
import { RemoteRequests } from './remote-requests.ts';
import { RemoteServerKeys } from './remote-server-keys.ts';
import type { RemoteServers } from './remote-servers.ts';

export interface RemoteServersParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly config: Config;
  readonly signingKey: SigningKey;
  /** Keys that signed before, the newest first. */
  readonly oldKeys?: readonly OldKey[];
}

/** What the server has besides: what it says of keys, and who is there. */
export interface RemoteServersService extends RemoteServers, RemoteDownloads {
  readonly ownKeys: OwnKeys;
  readonly notary: KeyNotary;
  /** To be told of each request that this server signed. What was remembered of its failures is forgotten. */
  heardFrom(serverName: string): void;
  /**
   * The listener hears of a server whenever it was heard from: it signed a request, or answered one after it could not
   * be reached. Gives what ends it.
   */
  onHeardFrom(listener: HeardFromListener): () => void;
  /** Lets the next request try again a server that could not be reached a moment ago. Wakes nobody. */
  forgetFailures(serverName: string): void;
}

export function createRemoteServers(parts: RemoteServersParts): RemoteServersService {
  const { storage, platform, config, signingKey } = parts;
  const { serverName, federation } = config;
  const { clock } = platform;
  const heardServers = new HeardServers();
  const failures = new RecentFailures(clock);
  const requests = new RemoteRequests({
    serverName,
    isEnabled: federation.enabled,
    signingKey,
    outboundHttp: platform.outboundHttp,
    routes: createServerRoutes(platform, federation.servers),
    failures,
    heardServers,
  });
  const fetcher = new KeyFetcher({ requests, platform, notaries: federation.keyNotaries });
  const ownKeys = new OwnKeys({ serverName, signingKey, oldKeys: parts.oldKeys ?? [], clock });
  const keys = new RemoteServerKeys({
    serverName,
    storage,
    platform,
    ownKeys,
    fetcher,
  });

  function forgetFailures(name: string): void {
    failures.forget(name);
    fetcher.forgetFailures(name);
  }

  return {
    ownKeys,
    keys,
    notary: new KeyNotary({ serverName, signingKey, ownKeys, keys, clock }),
    request: (destination, request) => requests.send(destination, request, true),
    download: (destination, request) => requests.download(destination, request),
    heardFrom(name) {
      failures.forget(name);
      heardServers.tell(name);
    },
    onHeardFrom: (listener) => heardServers.follow(listener),
    forgetFailures,
  };
}
