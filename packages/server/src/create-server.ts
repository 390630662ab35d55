import type { Endpoint } from '@limpet/protocol/endpoint';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { type AdminCommands, createAdminCommands } from './command-line/admin-commands.ts';
import { examineFromWithin } from './command-line/server-examination.ts';
import type { Config, ListenerConfig } from './config.ts';
import { allAccountRoutes } from './http/client-api/accounts.ts';
import { bridgeRoutes } from './http/client-api/bridges.ts';
import { crossSigningRoutes } from './http/client-api/cross-signing.ts';
import { dehydratedDeviceRoutes } from './http/client-api/dehydrated-devices.ts';
import { delayedEventRoutes } from './http/client-api/delayed-events.ts';
import { keyBackupRoutes } from './http/client-api/key-backup.ts';
import { keyRoutes } from './http/client-api/keys.ts';
import { mediaRoutes } from './http/client-api/media.ts';
import { olderEventRoutes } from './http/client-api/older-events.ts';
import { presenceRoutes } from './http/client-api/presence.ts';
import { pushRulesRoutes } from './http/client-api/push-rules.ts';
import { pusherRoutes } from './http/client-api/pushers.ts';
import { receiptRoutes } from './http/client-api/receipts.ts';
import { relationRoutes } from './http/client-api/relations.ts';
import { roomHistoryRoutes } from './http/client-api/room-history.ts';
import { roomLookUpRoutes } from './http/client-api/room-look-ups.ts';
import { roomStateRoutes } from './http/client-api/room-state.ts';
import { roomWritingRoutes } from './http/client-api/room-writing.ts';
import { rtcRoutes } from './http/client-api/rtc.ts';
import { searchRoutes } from './http/client-api/search.ts';
import { serverInformationRoutes } from './http/client-api/server-information.ts';
import { slidingSyncRoutes } from './http/client-api/sliding-sync.ts';
import { syncRoutes } from './http/client-api/sync.ts';
import { threadSubscriptionRoutes } from './http/client-api/thread-subscriptions.ts';
import { toDeviceRoutes } from './http/client-api/to-device.ts';
import { turnServerRoutes } from './http/client-api/turn-server.ts';
import { typingRoutes } from './http/client-api/typing.ts';
import { createHttpApp, type TlsFiles } from './http/create-http-app.ts';
import { backfillRoutes } from './http/federation-api/backfill.ts';
import { federationEventRoutes } from './http/federation-api/events.ts';
import { invitingRoutes } from './http/federation-api/inviting.ts';
import { federationMediaRoutes } from './http/federation-api/media.ts';
import { federationMembershipRoutes } from './http/federation-api/memberships.ts';
import { openIdUserRoutes } from './http/federation-api/openid.ts';
import { policyRoutes } from './http/federation-api/policy.ts';
import { publicRoomRoutes } from './http/federation-api/public-rooms.ts';
import { queryRoutes } from './http/federation-api/queries.ts';
import { federationInformationRoutes } from './http/federation-api/server-information.ts';
import { serverKeysRoutes } from './http/federation-api/server-keys.ts';
import { transactionRoutes } from './http/federation-api/transactions.ts';
import { userKeyRoutes } from './http/federation-api/user-keys.ts';
import { listen } from './http/listen.ts';
import { createOpenRequests } from './http/open-requests.ts';
import { createRateLimits, type RateLimitOptions, type RateLimits } from './http/rate-limits.ts';
import type { Route } from './http/route.ts';
import type { Platform } from './platform/platform.ts';
import { OlderSync } from './services/sync/older-sync.ts';
import { composeServices, type ServiceParts, type Services, stopServices } from './services.ts';
import type { Storage } from './storage/storage.ts';

/** How long requests that were under way may take to end when the server stops; then their connections are cut. */
const MAX_STOP_MS = 3_000;

const EVERYTHING: ListenerConfig['serves'] = ['client', 'federation'];

export interface ServerParts extends ServiceParts {
  /** For the listeners that have `tls`, by their place in the configuration. */
  readonly tls?: ReadonlyMap<number, TlsFiles>;
  /** Other limits than the usual, for tests. */
  readonly rateLimits?: RateLimitOptions['limits'];
}

export interface Server {
  readonly services: Services;
  readonly admin: AdminCommands;
  /** All that a listener that serves everything has mounted. */
  readonly endpoints: readonly Endpoint[];
  /** Opens the listeners of the configuration; gives their URLs. Throws ListenFault. */
  start(): Promise<readonly string[]>;
  /** Asks the server without any network, as a listener that serves everything would be asked. */
  inject(request: InjectOptions): Promise<LightMyRequestResponse>;
  /** Takes no more connections, answers those who wait, and writes what is pending. The storage stays open. */
  stop(): Promise<void>;
}

/** Puts the server together. Nothing in it is shared with another server of the same process. */
export async function createServer(parts: ServerParts): Promise<Server> {
  const { config, platform } = parts;
  const services = await composeServices(parts);
  const openRequests = createOpenRequests();
  const rateLimits = createRateLimits({
    clock: platform.clock,
    isEnabled: config.rateLimits.enabled,
    limits: { ...config.rateLimits, ...parts.rateLimits },
  });
  const edge = {
    tokenVerifier: services.accounts.accessTokens,
    accountRequests: services.accounts.requests,
    rateLimits,
    openRequests,
    serverName: config.serverName,
    serverKeys: services.remoteServers.keys,
    heardFrom: services.remoteServers.heardFrom,
  };
  const routesServed = (serves: ListenerConfig['serves']): Route[] =>
    serves.flatMap((api) => routesOf(api, { config, services, rateLimits, storage: parts.storage, platform }));
  const apps: FastifyInstance[] = [];
  let everything: FastifyInstance | undefined;

  function createApp(listener: Pick<ListenerConfig, 'serves' | 'behindProxy'>, tls?: TlsFiles): FastifyInstance {
    const app = createHttpApp({
      routes: routesServed(listener.serves),
      edge: { ...edge, isBehindProxy: listener.behindProxy },
      clock: platform.clock,
      log: platform.log,
      ...(tls === undefined ? {} : { tls }),
    });
    apps.push(app);
    return app;
  }

  return {
    services,
    admin: createAdminCommands(services, () =>
      examineFromWithin(parts.storage, services.remoteServers.ownKeys, services.federationSender?.status),
    ),
    endpoints: routesServed(EVERYTHING).map((route) => route.endpoint),
    async start() {
      const urls: string[] = [];
      for (const [index, listener] of config.listeners.entries()) {
        urls.push(await listen(createApp(listener, parts.tls?.get(index)), listener));
      }
      return urls;
    },
    async inject(request) {
      everything ??= createApp({ serves: EVERYTHING, behindProxy: false });
      return everything.inject(request);
    },
    async stop() {
      openRequests.abortAll();
      const deadline = platform.timers.after(MAX_STOP_MS, () => {
        platform.log.warn('Requests were still under way; their connections are cut');
        for (const app of apps) {
          app.server.closeAllConnections();
        }
      });
      await Promise.all(apps.map((app) => app.close()));
      deadline.cancel();
      await stopServices(services);
    },
  };
}

interface RouteParts {
  readonly config: Config;
  readonly services: Services;
  readonly rateLimits: RateLimits;
  readonly storage: Storage;
  readonly platform: Platform;
}

/** All routes of one of the two APIs. A chapter of the specification has a file; it is added here. */
function routesOf(api: ListenerConfig['serves'][number], parts: RouteParts): Route[] {
  const { config, services, rateLimits, storage } = parts;
  if (api === 'federation') return config.federation.enabled ? federationRoutes(parts) : [];
  const { accounts, rooms, reading, delayedEvents, ephemeral, encryption, sync } = services;
  const { stickyEvents } = config;
  const { databaseTag } = storage;
  const current = () => storage.stream.current();
  return [
    ...serverInformationRoutes(config, accounts),
    ...allAccountRoutes({ accounts, rateLimits, serverName: config.serverName }),
    ...roomLookUpRoutes({ discovery: services.discovery, rooms, rateLimits }),
    ...bridgeRoutes(),
    ...turnServerRoutes({ turn: config.turn, clock: parts.platform.clock }),
    ...roomWritingRoutes({ rooms, delayedEvents, rateLimits, stickyEvents }),
    ...delayedEventRoutes({ delayedEvents, rateLimits, stickyEvents, settings: config.delayedEvents }),
    ...rtcRoutes(config),
    ...roomHistoryRoutes({ reading, storage }),
    ...relationRoutes({ reading, storage }),
    ...searchRoutes({ reading, storage, rateLimits, search: services.search }),
    ...olderEventRoutes({ olderSync: new OlderSync({ sync, databaseTag, current }), sync, rooms, reading, storage }),
    ...roomStateRoutes({ reading, storage }),
    ...pushRulesRoutes({ rules: services.pushRules }),
    ...pusherRoutes(services.pushDelivery),
    ...presenceRoutes(services),
    ...receiptRoutes({ ephemeral }),
    ...typingRoutes({ ephemeral }),
    ...toDeviceRoutes({ encryption }),
    ...mediaRoutes({ media: services.media, rateLimits, config }),
    ...keyRoutes({ encryption, sync, databaseTag, current }),
    ...threadSubscriptionRoutes({ subscriptions: services.threadSubscriptions, databaseTag, current }),
    ...keyBackupRoutes({ encryption }),
    ...dehydratedDeviceRoutes({ encryption }),
    ...crossSigningRoutes({ accounts, rateLimits, encryption }),
    ...slidingSyncRoutes(services.slidingSync),
    ...syncRoutes({ sync, filters: accounts.filters, databaseTag, current }),
  ];
}

/** What other servers ask. Nothing of it is there when federation is off. */
function federationRoutes({ config, services, platform }: RouteParts): Route[] {
  const { accounts, remoteServers, resident, federationInbound } = services;
  const { serverName } = config;
  const { clock, random } = platform;
  const events = { resident, serverName, clock };
  return [
    ...federationInformationRoutes(config),
    ...serverKeysRoutes(remoteServers),
    ...openIdUserRoutes(accounts),
    ...federationMembershipRoutes({ resident }),
    ...invitingRoutes({ resident }),
    ...federationEventRoutes(events),
    ...backfillRoutes(events),
    ...queryRoutes(resident),
    ...publicRoomRoutes(resident),
    ...userKeyRoutes({ encryption: services.encryption }),
    ...transactionRoutes(federationInbound),
    ...policyRoutes(),
    ...federationMediaRoutes({ media: services.media, serverName, random }),
  ];
}
