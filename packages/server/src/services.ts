import { parseUserId } from '@limpet/protocol/identifiers';
import type { SigningKey } from '@limpet/protocol/signing';
import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import type { Config } from './config.ts';
import type { BlobStore } from './platform/blob-store.ts';
import type { OldKey } from './platform/key-file.ts';
import type { Platform } from './platform/platform.ts';
import { type Accounts, createAccounts } from './services/accounts/accounts.ts';
import { forgetEndedAccount } from './services/accounts/forget-account.ts';
import type { PasswordCost } from './services/accounts/password-hasher.ts';
import type { TokenLifetimes } from './services/accounts/token-lifetimes.ts';
import { DelayedEvents } from './services/delayed-events/delayed-events.ts';
import { createDiscovery, type Discovery } from './services/discovery/discovery.ts';
import { Encryption } from './services/encryption/encryption.ts';
import { Ephemeral } from './services/ephemeral/ephemeral.ts';
import type { FederationInbound } from './services/federation-inbound/federation-inbound.ts';
import { createResident, type Resident } from './services/federation-inbound/resident/resident.ts';
import { FederationSender } from './services/federation-sender/federation-sender.ts';
import { outgoingProjection } from './services/federation-sender/outgoing-projection.ts';
import { createMedia, type Media } from './services/media/media.ts';
import { Presence } from './services/presence/presence.ts';
import { createPush, type Push } from './services/push/push.ts';
import { createPushDelivery, type PushDelivery } from './services/push/push-delivery.ts';
import type { PushRules } from './services/push/push-rules.ts';
import { ReplacedRoomSettings } from './services/push/replaced-room-settings.ts';
import { createRemoteServers, type RemoteServersService } from './services/remote-servers/create-remote-servers.ts';
import { RemoteProfiles } from './services/remote-servers/remote-profiles.ts';
import type { RemoteServers } from './services/remote-servers/remote-servers.ts';
import { EventStore } from './services/rooms/event-store.ts';
import { Memberships } from './services/rooms/memberships.ts';
import { createRoomReading, type RoomReading } from './services/rooms/room-reading.ts';
import { createRoomsService, type RoomsService } from './services/rooms/rooms.ts';
import { StateStore } from './services/rooms/state-store.ts';
import { createSearch, type SearchService } from './services/search/create-search.ts';
import { SearchIndex } from './services/search/search-index.ts';
import { DueStickyEvents } from './services/sticky-events/due-sticky-events.ts';
import { createStickyProjection } from './services/sticky-events/sticky-projection.ts';
import { StickyRooms } from './services/sticky-events/sticky-rooms.ts';
import { createStickySweeper } from './services/sticky-events/sticky-sweeper.ts';
import { createSync, type Sync } from './services/sync/create-sync.ts';
import type { SlidingSyncService } from './services/sync/sliding/sliding-sync-service.ts';
import type { SyncService } from './services/sync/sync-service.ts';
import { ThreadSubscriptions } from './services/thread-subscriptions/thread-subscriptions.ts';
import { startFederationInbound } from './start-federation-inbound.ts';
import type { RowSweeper } from './storage/row-sweeper.ts';
import type { Storage } from './storage/storage.ts';

/** Every service of the server, by rank: what stands lower knows only what stands above it here. */
export interface Services {
  readonly accounts: Accounts;
  readonly remoteServers: RemoteServersService;
  readonly events: EventStore;
  readonly memberships: Memberships;
  readonly rooms: RoomsService;
  readonly reading: RoomReading;
  readonly search: SearchService;
  readonly discovery: Discovery;
  readonly delayedEvents: DelayedEvents;
  readonly ephemeral: Ephemeral;
  readonly encryption: Encryption;
  readonly media: Media;
  readonly pushRules: PushRules;
  readonly pushDelivery: PushDelivery;
  readonly replacedRoomSettings: ReplacedRoomSettings;
  readonly threadSubscriptions: ThreadSubscriptions;
  readonly stickySweeper: RowSweeper;
  readonly presence: Presence;
  readonly sync: SyncService;
  readonly slidingSync: SlidingSyncService;
  readonly resident: Resident;
  readonly federationInbound: FederationInbound;
  /** None where federation is switched off. */
  readonly federationSender: FederationSender | undefined;
}

export interface ServiceParts {
  readonly config: Config;
  readonly platform: Platform;
  readonly storage: Storage;
  /** The content of media. */
  readonly blobStore: BlobStore;
  /** Signs what the server says: events, and requests to other servers. */
  readonly signingKey: SigningKey;
  /** Keys that signed before, the newest first. */
  readonly oldKeys?: readonly OldKey[];
  /** What a password hash costs; tests make it cheap. */
  readonly passwordCost?: PasswordCost;
}

/**
 * Builds the services, puts them together and starts them. What follows the stream is made in the order of ranks:
 * caches below learn of a change before those who read them are woken by it.
 */
export async function composeServices(parts: ServiceParts): Promise<Services> {
  const { config, platform, storage } = parts;
  const { serverName } = config;
  const stickyRooms = new StickyRooms();
  const ground = composeGround(parts, stickyRooms);
  const { accounts, remoteServers, events, memberships, rooms, delayedEvents, reading, push } = ground;
  const ephemeral = new Ephemeral({ storage, platform, events, memberships });
  const encryption = new Encryption({
    storage,
    platform,
    serverName,
    remote: remoteServers,
    isFederated: config.federation.enabled,
  });
  const media = createMedia({ ...parts, remoteServers });
  const stickySweeper = createStickySweeper(platform, storage, stickyRooms);
  await accounts.erasures.load();
  await stickyRooms.load(storage, platform.clock.nowMs());
  await ephemeral.start();
  await encryption.start();
  stickySweeper.start();
  accounts.openIdTokens.start();
  await push.users.load();
  await rooms.start();
  ground.search.start();
  const discovery = createDiscovery({ ...parts, ...ground, serverName });
  await discovery.directory.start();
  media.start();
  const sticky = new DueStickyEvents(storage, stickyRooms, accounts.erasures);
  const threadSubscriptions = new ThreadSubscriptions(storage, reading.history);
  const presence = await startPresence(parts, ground);
  const sources = { ...ground, ephemeral, encryption, sticky, threadSubscriptions, presence };
  const { sync, sliding } = composeSync(parts, sources);
  sliding.start();
  const { profiles, users, accountData } = accounts;
  const { keys } = remoteServers;
  const pushDelivery = composePushDelivery(parts, ground);
  await pushDelivery.sender.start();
  const replacedRoomSettings = startReplacedRoomSettings(parts, ground);
  const resident = createResident({ ...parts, ...ground, serverName, profiles, users, accountData, keys });
  const federationInbound = await startFederationInbound({ ...parts, ...ground, ephemeral, encryption, presence });
  const federationSender = await startFederationSender(parts, { remoteServers, events, ephemeral, presence });
  // Last: what fell due goes out now, and all who follow the stream are to see it.
  await delayedEvents.start();
  return {
    accounts,
    remoteServers,
    events,
    memberships,
    rooms,
    reading,
    search: ground.search,
    discovery,
    delayedEvents,
    ephemeral,
    encryption,
    media,
    pushRules: push.rules,
    pushDelivery,
    replacedRoomSettings,
    threadSubscriptions,
    presence,
    stickySweeper,
    sync,
    slidingSync: sliding,
    resident,
    federationInbound,
    federationSender,
  };
}

/** What the other services rest on: accounts, other servers, rooms, and what is exact at the commit of an event. */
function composeGround(parts: ServiceParts, stickyRooms: StickyRooms) {
  const { config, platform, storage } = parts;
  const { serverName } = config;
  const remoteServers = createRemoteServers(parts);
  const { accounts, withRooms, withDelayedEvents } = composeAccounts(parts, remoteServers);
  const events = new EventStore(storage);
  const state = new StateStore(storage, events);
  const memberships = new Memberships(storage);
  const { accountData } = accounts;
  const { clock } = platform;
  const { threadSubscriptions: followThreads } = config.push;
  const push = createPush({ storage, clock, serverName, accountData, events, memberships, followThreads });
  const index = new SearchIndex({ storage, platform, events });
  const rooms = createRoomsService({
    storage,
    platform,
    serverName,
    signingKey: parts.signingKey,
    remote: remoteServers,
    events,
    state,
    memberships,
    projections: [createStickyProjection(stickyRooms), push.projection, outgoingProjection, index],
    profileOf: async (userId) => accounts.profiles.memberProfile(parseUserId(userId)),
    takesGuests: config.registration.guests,
    accounts: {
      isGuest: async (userId) => (await accounts.users.find(parseUserId(userId)))?.isGuest === true,
      requestsUnderWay: (userId) => accounts.requests.underWay(userId),
      forgetEnded: forgetEndedAccount,
      hasEnded: async (userId) => (await accounts.users.find(parseUserId(userId)))?.isDeactivated === true,
      blocksInvites: (userId) => accounts.accountData.blocksInvites(userId),
    },
    receiving: {
      stickyBurst: config.stickyEvents.receivedBurst,
      stickyPerSecond: config.stickyEvents.receivedPerSecond,
      maxExtremities: config.federation.maxExtremities,
    },
  });
  withRooms(rooms);
  const delayedEvents = composeDelayedEvents(parts, { rooms, events });
  withDelayedEvents(delayedEvents);
  const reading = composeReading(parts, { accounts, events, state, memberships, rooms });
  const { timers } = platform;
  const search = createSearch({ ...reading, storage, timers, events, memberships, state, accountData, index });
  return { remoteServers, accounts, events, state, memberships, push, rooms, delayedEvents, reading, search };
}

function composeDelayedEvents(
  { config, platform, storage }: ServiceParts,
  { rooms, events }: Pick<Services, 'rooms' | 'events'>,
): DelayedEvents {
  return new DelayedEvents({ storage, platform, sending: rooms.sending, events, limits: config.delayedEvents });
}

/** Nobody is told anything where federation is switched off; what is for others waits. */
async function startFederationSender(
  { config, platform, storage }: ServiceParts,
  sources: Pick<Services, 'remoteServers' | 'events' | 'ephemeral' | 'presence'>,
): Promise<FederationSender | undefined> {
  if (!config.federation.enabled) return undefined;
  const { serverName } = config;
  const { remoteServers, events } = sources;
  const typing = (roomId: string) => sources.ephemeral.typing(roomId);
  const presence = (userId: string) => sources.presence.update(userId);
  return FederationSender.start({ storage, platform, serverName, events, remoteServers, typing, presence });
}

interface ReadingSources extends Pick<Services, 'accounts' | 'events' | 'memberships' | 'rooms'> {
  readonly state: StateStore;
}

function composeReading({ config, platform, storage }: ServiceParts, sources: ReadingSources): RoomReading {
  const { accounts, rooms, ...others } = sources;
  return createRoomReading({
    ...others,
    storage,
    clock: platform.clock,
    serverName: config.serverName,
    accountData: accounts.accountData,
    erased: accounts.erasures,
    older: rooms.older,
    relatedRooms: rooms.relatedRooms,
    sticky: { isEnabled: config.stickyEvents.enabled, names: stickyNames(config) },
  });
}

interface SyncSources extends Pick<Services, 'events' | 'memberships' | 'reading' | 'ephemeral' | 'encryption'> {
  readonly state: StateStore;
  readonly push: Push;
  readonly sticky: DueStickyEvents;
  readonly threadSubscriptions: ThreadSubscriptions;
  readonly presence: Presence;
}

function composeSync({ config, platform, storage }: ServiceParts, sources: SyncSources): Sync {
  const { reading, push, presence, ...others } = sources;
  return createSync({
    ...others,
    presence: config.presence.enabled ? presence : undefined,
    platform,
    storage,
    timeline: reading.timeline,
    partings: reading.partings,
    rooms: reading.rooms,
    accountData: push.accountData,
    unread: push.unread,
    settings: {
      stickyEnabled: config.stickyEvents.enabled,
      stickyEventsPerSync: config.stickyEvents.eventsPerSync,
      stickySectionName: stickyNames(config).syncSection,
    },
  });
}

async function startPresence(
  { config, platform, storage }: ServiceParts,
  { events, memberships }: Pick<Services, 'events' | 'memberships'>,
): Promise<Presence> {
  const { serverName } = config;
  const { enabled: isEnabled, maxRoomMembers } = config.presence;
  const presence = new Presence({ storage, platform, events, memberships, serverName, maxRoomMembers, isEnabled });
  await presence.start();
  return presence;
}

interface PushSources extends Pick<Services, 'events' | 'memberships' | 'reading'> {
  readonly state: StateStore;
  readonly push: Push;
}

function composePushDelivery({ config, platform, storage }: ServiceParts, sources: PushSources): PushDelivery {
  const { rooms } = sources.reading;
  const { allowPrivateAddresses: allowsPrivateAddresses } = config.push;
  return createPushDelivery({ ...sources, storage, platform, rooms, allowsPrivateAddresses });
}

function stickyNames({ stickyEvents }: Config) {
  return stickyEvents.stableNames ? STABLE_STICKY_NAMES : UNSTABLE_STICKY_NAMES;
}

function tokenLifetimesOf({ sessions }: Config): TokenLifetimes {
  return {
    accessTokenMs: sessions.accessTokenSeconds * 1_000,
    refreshTokenMs: sessions.refreshTokenDays === 0 ? undefined : sessions.refreshTokenDays * DAY_MS,
  };
}

const DAY_MS = 86_400_000;

/**
 * Accounts stand below rooms, and rooms have to hear of two things that happen to them: `withRooms`
 * tells who listens, and `withDelayedEvents` likewise.
 */
function composeAccounts({ config, platform, storage, passwordCost }: ServiceParts, remoteServers: RemoteServers) {
  let rooms: RoomsService | undefined;
  let delayedEvents: DelayedEvents | undefined;
  const accounts = createAccounts({
    storage,
    platform,
    serverName: config.serverName,
    registrationMode: config.registration.mode,
    takesGuests: config.registration.guests,
    registrationSharedSecret: config.registrationSharedSecret,
    tokenLifetimes: tokenLifetimesOf(config),
    passwordCost,
    otherProfiles: new RemoteProfiles(remoteServers, platform.clock),
    onProfileChange: async (userId, profile) => rooms?.membershipChanges.updateMemberProfile(userId, profile),
    onDeactivate: async (userId) => {
      await delayedEvents?.forgetUser(userId);
      rooms?.departures.begin(userId);
    },
  });
  return {
    accounts,
    withRooms: (listening: RoomsService) => {
      rooms = listening;
    },
    withDelayedEvents: (listening: DelayedEvents) => {
      delayedEvents = listening;
    },
  };
}

function startReplacedRoomSettings(
  { config, platform, storage }: ServiceParts,
  { accounts, events, state, push }: PushSources & Pick<Services, 'accounts'>,
): ReplacedRoomSettings {
  const { accountData, roomTags } = accounts;
  const { serverName } = config;
  const { log } = platform;
  const sources = { accountData, roomTags, events, state, pushRules: push.rules };
  const settings = new ReplacedRoomSettings({ storage, log, serverName, ...sources });
  settings.start();
  return settings;
}

/**
 * Ends what waits and writes what the services still hold in memory, the highest rank first. The storage is still open.
 */
export async function stopServices(services: Services): Promise<void> {
  services.sync.stop();
  await services.slidingSync.stop();
  await services.delayedEvents.stop();
  await services.federationInbound.stop();
  await services.federationSender?.stop();
  await services.pushDelivery.sender.stop();
  await services.replacedRoomSettings.stop();
  await services.stickySweeper.stop();
  await services.media.stop();
  await services.encryption.stop();
  await services.ephemeral.stop();
  await services.search.stop();
  await services.discovery.directory.stop();
  await services.presence.stop();
  await services.rooms.stop();
  await services.accounts.openIdTokens.stop();
  await services.accounts.lastSeen.flush();
}
