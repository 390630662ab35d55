import { parseServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import { EventStore } from '../../src/services/rooms/event-store.ts';
import { Memberships } from '../../src/services/rooms/memberships.ts';
import type { Projection } from '../../src/services/rooms/projection.ts';
import type { CreateRoomRequest } from '../../src/services/rooms/room-to-create.ts';
import { createRoomsService, type RoomsService } from '../../src/services/rooms/rooms.ts';
import { StateStore } from '../../src/services/rooms/state-store.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { fakeRemoteServers } from './fake-remote-servers.ts';
import { createManualWorld, type ManualWorld } from './manual-world.ts';
import { noNetwork } from './no-network.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';

export interface TestRooms extends RoomsService {
  readonly storage: Storage;
  readonly events: EventStore;
  readonly state: StateStore;
  readonly memberships: Memberships;
  readonly world: ManualWorld;
  /** A room with what is usual, made by this user (`@alice:test` unless given). */
  make(request?: Partial<CreateRoomRequest>): Promise<string>;
  /** A message; its event ID. */
  say(roomId: string, userId: string, body: string, transactionId?: string): Promise<string>;
  content(roomId: string, type: string, stateKey?: string): Promise<JsonObject | undefined>;
}

export interface TestRoomsOptions {
  readonly seed?: number;
  readonly projections?: readonly Projection[];
  readonly world?: ManualWorld;
  readonly maxRoomsInMemory?: number;
}

/** The writing side of rooms over this storage, as after a start. The server is called `test`. */
export function createTestRooms(storage: Storage, options: TestRoomsOptions = {}): TestRooms {
  const { seed = 1, projections = [], world = createManualWorld() } = options;
  const events = new EventStore(storage);
  const state = new StateStore(storage, events);
  const memberships = new Memberships(storage);
  const rooms = createRoomsService({
    storage,
    platform: { clock: world.clock, timers: world.timers, random: seededRandom(seed), log: silentLog, ...noNetwork },
    serverName: parseServerName('test'),
    remote: fakeRemoteServers([]),
    signingKey: signingKeyFromSeed('ed25519:1', new Uint8Array(32).fill(7)),
    events,
    state,
    memberships,
    projections,
    receiving: { stickyBurst: 1_000, stickyPerSecond: 100, maxExtremities: 10 },
    ...(options.maxRoomsInMemory === undefined ? {} : { maxRoomsInMemory: options.maxRoomsInMemory }),
    takesGuests: false,
    accounts: {
      isGuest: async () => false,
      hasEnded: async () => false,
      requestsUnderWay: () => undefined,
      forgetEnded: () => undefined,
      blocksInvites: async () => false,
    },
    profileOf: async (userId) => ({ displayName: userId.slice(1, -5), avatarUrl: undefined }),
  });
  return {
    ...rooms,
    storage,
    events,
    state,
    memberships,
    world,
    make: (request = {}) => rooms.createRoom({ ...USUAL_ROOM, ...request }),
    say(roomId, userId, body, transactionId) {
      const sender = { userId, deviceId: 'DEVICE', transactionId };
      return rooms.sending.sendEvent({ sender, roomId, type: 'm.room.message', content: { msgtype: 'm.text', body } });
    },
    async content(roomId, type, stateKey = '') {
      const room = await events.room(roomId);
      return room === undefined ? undefined : (await state.current(room, type, stateKey))?.pdu.content;
    },
  };
}

const USUAL_ROOM: CreateRoomRequest = {
  creator: '@alice:test',
  isListed: false,
  preset: 'public_chat',
  roomAliasName: undefined,
  name: undefined,
  topic: undefined,
  invite: [],
  isDirect: false,
  roomVersion: undefined,
  creationContent: {},
  initialState: [],
  powerLevelContentOverride: {},
};
