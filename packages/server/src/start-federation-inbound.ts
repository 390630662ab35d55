import type { Config } from './config.ts';
import type { Platform } from './platform/platform.ts';
import type { Encryption } from './services/encryption/encryption.ts';
import type { Ephemeral } from './services/ephemeral/ephemeral.ts';
import { createFederationInbound, type FederationInbound } from './services/federation-inbound/federation-inbound.ts';
import { createPresenceHandler } from './services/federation-inbound/presence-edu.ts';
import { createReceiptHandler } from './services/federation-inbound/receipt-edu.ts';
import { createTypingHandler } from './services/federation-inbound/typing-edu.ts';
import type { Presence } from './services/presence/presence.ts';
import type { RemoteServers } from './services/remote-servers/remote-servers.ts';
import type { EventStore } from './services/rooms/event-store.ts';
import type { Memberships } from './services/rooms/memberships.ts';
import type { RoomsService } from './services/rooms/rooms.ts';
import { ServerAcls } from './services/rooms/server-acls.ts';
import type { StateStore } from './services/rooms/state-store.ts';
import type { Storage } from './storage/storage.ts';

export interface InboundSources {
  readonly config: Config;
  readonly platform: Platform;
  readonly storage: Storage;
  readonly remoteServers: RemoteServers;
  readonly events: EventStore;
  readonly memberships: Memberships;
  readonly state: StateStore;
  readonly rooms: RoomsService;
  readonly ephemeral: Ephemeral;
  readonly encryption: Encryption;
  readonly presence: Presence;
}

/** Puts together what takes in what other servers push, with who takes which EDUs, and starts it. */
export async function startFederationInbound(sources: InboundSources): Promise<FederationInbound> {
  const { config, rooms, events, memberships, ephemeral } = sources;
  const acls = new ServerAcls(sources.state);
  const speakers = { events, memberships, acls };
  const { receiver, roomServers, joining, policy } = rooms;
  const inbound = createFederationInbound({
    ...sources,
    serverName: config.serverName,
    receiver,
    roomServers,
    joining,
    acls,
    policy,
    eduHandlers: {
      'm.typing': createTypingHandler(speakers, ephemeral),
      'm.receipt': createReceiptHandler(speakers, ephemeral.receiptsOf),
      'm.presence': createPresenceHandler(sources.presence),
      ...sources.encryption.eduHandlers,
    },
  });
  await inbound.start();
  return inbound;
}
