import { asDeviceId, asUserId } from '@limpet/protocol/identifiers';
import type { JsonObject, JsonValue } from '@limpet/protocol/json';
import { STABLE_STICKY_NAMES, UNSTABLE_STICKY_NAMES } from '@limpet/sticky/sticky-names';
import { roomHistoryRoutes } from '../../src/http/client-api/room-history.ts';
import { roomStateRoutes } from '../../src/http/client-api/room-state.ts';
import { createHttpApp } from '../../src/http/create-http-app.ts';
import { createOpenRequests } from '../../src/http/open-requests.ts';
import { createRateLimits } from '../../src/http/rate-limits.ts';
import { AccountRequests } from '../../src/services/accounts/account-requests.ts';
import { createRoomReading, type RoomReading } from '../../src/services/rooms/room-reading.ts';
import { formatSyncToken } from '../../src/services/sync/sync-token.ts';
import { silentLog } from './silent-log.ts';
import { createTestRooms, type TestRooms } from './test-rooms.ts';
import { openTestStorage } from './test-storage.ts';

/** Rooms to write to, and all that reads them, up to the HTTP endpoints. */
export interface TestRoomReading extends TestRooms {
  readonly reading: RoomReading;
  /** Whom a user ignores. */
  readonly ignored: Map<string, ReadonlySet<string>>;
  /** Asks an endpoint below `/_matrix/client/v3`; a user's access token is the user ID, the device is `DEVICE`. */
  get(userId: string, path: string): Promise<{ status: number; body: JsonObject; list: JsonObject[] }>;
  /** What `next_batch` of a sync would be now. */
  syncToken(): string;
  /** A message that is sticky for so long; its event ID. */
  saySticky(roomId: string, userId: string, durationMs: number): Promise<string>;
  setState(roomId: string, userId: string, type: string, content: JsonObject): Promise<string>;
  close(): Promise<void>;
}

export interface TestRoomReadingOptions {
  readonly stickyEnabled?: boolean;
  readonly stableNames?: boolean;
}

export async function createTestRoomReading(options: TestRoomReadingOptions = {}): Promise<TestRoomReading> {
  const { stickyEnabled = true, stableNames = false } = options;
  const storage = await openTestStorage();
  const rooms = createTestRooms(storage);
  const { clock } = rooms.world;
  const ignored = new Map<string, ReadonlySet<string>>();
  const reading = createRoomReading({
    storage,
    clock,
    serverName: 'localhost',
    events: rooms.events,
    state: rooms.state,
    memberships: rooms.memberships,
    erased: { erasedAt: () => undefined },
    accountData: {
      changed: async () => [],
      global: async () => [],
      inRooms: async () => [],
      ignoredUsers: async (userId) => ignored.get(userId) ?? new Set(),
      blocksInvites: async () => false,
    },
    sticky: { isEnabled: stickyEnabled, names: stableNames ? STABLE_STICKY_NAMES : UNSTABLE_STICKY_NAMES },
    relatedRooms: rooms.relatedRooms,
    older: { hasMore: async () => false, bring: async () => false },
  });
  const services = { reading, storage };
  const app = createHttpApp({
    routes: [...roomHistoryRoutes(services), ...roomStateRoutes(services)],
    edge: {
      tokenVerifier: { verify: async (accessToken) => requesterOf(accessToken) },
      accountRequests: new AccountRequests(),
      rateLimits: createRateLimits({ clock, isEnabled: false, limits: {} }),
      openRequests: createOpenRequests(),
      isBehindProxy: false,
      serverName: 'localhost',
      heardFrom() {},
      serverKeys: { find: async (wanted) => wanted.map(() => undefined) },
    },
    clock,
    log: silentLog,
  });
  const topLevel = stableNames ? 'sticky' : 'msc4354_sticky';

  return {
    ...rooms,
    reading,
    ignored,
    async get(userId, path) {
      const headers = { authorization: `Bearer ${userId}` };
      const response = await app.inject({ method: 'GET', url: `/_matrix/client/v3${path}`, headers });
      const body = JSON.parse(response.body) as JsonValue;
      return { status: response.statusCode, body: body as JsonObject, list: Array.isArray(body) ? eventsIn(body) : [] };
    },
    syncToken: () =>
      formatSyncToken(
        { vector: storage.stream.current(), sticky: undefined, toDeviceUpTo: undefined },
        storage.databaseTag,
      ),
    saySticky(roomId, userId, durationMs) {
      const content = { msgtype: 'm.text', body: 'sticky' };
      const extraTopLevel = { [topLevel]: { duration_ms: durationMs } };
      return rooms.sending.sendEvent({ sender: { userId }, roomId, type: 'm.room.message', content, extraTopLevel });
    },
    setState: (roomId, userId, type, content) =>
      rooms.sending.setState({ sender: { userId }, roomId, type, stateKey: '', content }),
    async close() {
      await app.close();
      await storage.close();
    },
  };
}

/** A list of events in an answer. */
export function eventsIn(value: JsonValue | undefined): JsonObject[] {
  if (!Array.isArray(value)) throw new Error(`${JSON.stringify(value)} is no list of events`);
  return value as JsonObject[];
}

export function eventIds(value: JsonValue | undefined): JsonValue[] {
  return eventsIn(value).map((event) => event.event_id ?? null);
}

function requesterOf(accessToken: string) {
  const userId = asUserId(accessToken);
  const deviceId = asDeviceId('DEVICE');
  const standing = { isGuest: false, isLocked: false, isSuspended: false };
  return userId === undefined || deviceId === undefined ? undefined : { userId, deviceId, accessToken, standing };
}
