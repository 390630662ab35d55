import { randomUUID } from 'node:crypto';
import { ConnectionError, EventType, type MatrixEvent, type Room } from 'matrix-js-sdk';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { messageBodies } from './message-bodies.ts';
import { RecoveryKey } from './recovery-key.ts';
import { type RestartableServer, startRestartableServer } from './restartable-server.ts';
import { createRoomOfTwo } from './room-of-two.ts';
import { eventually, loginClient, registerClient, type SdkClient, TIMELINE_LIMIT } from './sdk-client.ts';
import { setUpEncryption, unlockEncryption } from './user-encryption.ts';

const MINUTE_MS = 60_000;
const STICKY_MS = 30 * MINUTE_MS;
/** What Alice says after what sticks, in each room. */
const LATER_MESSAGES = 30;
const TRANSPORT = { type: 'livekit', livekit_service_url: 'https://calls.example.org' };

/**
 * What Alice sends to stick. Not `m.room.message`: the SDK (43.0) sends those through a queue that loses the duration,
 * and they arrive as ordinary ones.
 */
const PLACE = 'org.example.place';

declare module 'matrix-js-sdk/lib/@types/event.js' {
  interface TimelineEvents {
    [PLACE]: { name: string; msc4354_sticky_key?: string };
  }
}

/** What sticks in each room while Bob is away: a place with a key, one without, and the membership of the call. */
const ALL_STICKY = ['at the door', 'in the hall', EventType.RTCMembership];
const LAST_MESSAGES = Array.from(
  { length: TIMELINE_LIMIT },
  (_unused, index) => `message ${LATER_MESSAGES - TIMELINE_LIMIT + index + 1}`,
);

/**
 * Answers other than 200 that the SDK asks for and lives with, and why. Anything else is a request that the server
 * should have understood.
 */
const EXPECTED_REFUSALS: string[] = [
  // Asked before there is one: M_NOT_FOUND tells the SDK that there is no backup.
  'GET /_matrix/client/v3/room_keys/version 404 M_NOT_FOUND',
];

/** What the SDK cannot start without. */
const START_UP = [
  'GET /_matrix/client/versions 200',
  'GET /_matrix/client/v3/capabilities 200',
  'GET /_matrix/client/v3/pushrules/ 200',
  'POST /_matrix/client/v3/user/{userId}/filter 200',
  'GET /_matrix/client/v3/sync 200',
  'POST /_matrix/client/v3/keys/upload 200',
];
/** A server that leaves a user out of an answer to `keys/query` is asked again at once, hundreds of times a second. */
const KEYS_QUERY = 'POST /_matrix/client/v3/keys/query 200';
const MOST_KEY_QUERIES = 20;

/** One story of a server and its users, told in the order of the tests: each begins where the one before it ended. */
describe('two users of matrix-js-sdk, one of them away', () => {
  let server: RestartableServer;
  let alice: SdkClient;
  let bob: SdkClient;
  let bobsNewDevice: SdkClient;
  let plain: string;
  let encrypted: string;
  const recovery = new RecoveryKey();
  const errorsLogged: unknown[][] = [];

  beforeAll(async () => {
    for (const level of ['trace', 'debug', 'log', 'info', 'warn'] as const) {
      vi.spyOn(console, level).mockImplementation(() => undefined);
    }
    vi.spyOn(console, 'error').mockImplementation((...line) => void errorsLogged.push(line));
    server = await startRestartableServer();
  });

  afterAll(async () => {
    for (const device of [alice, bob, bobsNewDevice]) device?.stop();
    await server?.remove();
    vi.restoreAllMocks();
  });

  test('start, meet in a plain and in an encrypted room, and read each other', async () => {
    [alice, bob] = await Promise.all([
      registerClient(server.url, 'alice'),
      registerClient(server.url, 'bob', { recovery }),
    ]);
    await setUpEncryption(bob);
    plain = await createRoomOfTwo(alice, bob, false);
    encrypted = await createRoomOfTwo(alice, bob, true);
    for (const roomId of [plain, encrypted]) {
      await alice.client.sendTextMessage(roomId, 'Can you read this?');
      await eventually(() => expect(messageBodies(bob, roomId).at(-1)).toBe('Can you read this?'));
    }
  });

  test('Alice sends what sticks, joins a call, and goes on talking, while Bob is away', async () => {
    bob.goAway();
    for (const roomId of [plain, encrypted]) {
      await sendPlace(alice, roomId, { name: 'at the door', msc4354_sticky_key: 'here' });
      await sendPlace(alice, roomId, { name: 'in the hall' });
      await joinCall(alice, roomId);
      for (let number = 1; number <= LATER_MESSAGES; number++) {
        await alice.client.sendTextMessage(roomId, `message ${number}`);
      }
    }
    expect(bob.stickyEventsSeen).toEqual([]);
    server.world.advance(10 * MINUTE_MS);
  });

  test('C1, C3, C8: Bob comes back and has what sticks, once, with the time that is left', async () => {
    await bob.comeBack();
    for (const roomId of [plain, encrypted]) {
      const room = bob.room(roomId);
      await eventually(() => expect(sticky(room)).toEqual(ALL_STICKY));
      await eventually(() => expect(messageBodies(bob, roomId)).toEqual(LAST_MESSAGES));
      // An hour is what the SDK gives a membership.
      expect(remainingMinutes(room)).toEqual([20, 20, 50]);
    }
    const seen = bob.stickyEventsSeen.filter((event) => event.getRoomId() === encrypted);
    expect(seen.map((event) => event.getWireType())).toEqual(Array(3).fill(EventType.RoomMessageEncrypted));
  });

  test("the MatrixRTC session of Bob's SDK sees Alice in the call", async () => {
    // Started by the event in the sticky section, before anybody asked for it.
    expect(bob.client.matrixRTC.getActiveRoomSession(bob.room(plain))).toBeDefined();
    for (const roomId of [plain, encrypted]) {
      await eventually(() => expect(callers(bob, roomId)).toEqual([[alice.userId, alice.deviceId]]));
    }
  });

  test('after a restart of the server a new device of Bob has what sticks, and sees the call', async () => {
    await server.restart();
    server.world.advance(5 * MINUTE_MS);
    bobsNewDevice = await loginClient(server.url, 'bob', { recovery });
    const room = bobsNewDevice.room(plain);
    expect(sticky(room)).toEqual(ALL_STICKY);
    expect(messageBodies(bobsNewDevice, plain)).toEqual(LAST_MESSAGES);
    expect(remainingMinutes(room)).toEqual([15, 15, 45]);
    await eventually(() => expect(callers(bobsNewDevice, plain)).toEqual([[alice.userId, alice.deviceId]]));
  });

  // Alice encrypted those for the devices that there were. Bob's first device backed up the keys that it got.
  test('in the encrypted room the new device reads what sticks once it has the key backup', async () => {
    const seen = () => bobsNewDevice.stickyEventsSeen.filter((event) => event.getRoomId() === encrypted);
    await eventually(() => expect(seen().map((event) => event.isDecryptionFailure())).toEqual([true, true, true]));
    expect(sticky(bobsNewDevice.room(encrypted))).toEqual([]);
    expect(await unlockEncryption(bobsNewDevice)).toBeGreaterThan(0);
    await eventually(() => expect(sticky(bobsNewDevice.room(encrypted))).toEqual(ALL_STICKY));
    expect(messageBodies(bobsNewDevice, encrypted)).toEqual(LAST_MESSAGES);
    expect(remainingMinutes(bobsNewDevice.room(encrypted))).toEqual([15, 15, 45]);

    await Promise.all([alice.comeBack(), bob.comeBack()]);
    await eventually(async () => {
      const devices = await alice.client.getCrypto()?.getUserDeviceInfo([bob.userId]);
      expect([...(devices?.get(bob.userId)?.keys() ?? [])]).toContain(bobsNewDevice.deviceId);
    });
    await sendPlace(alice, encrypted, { name: 'at home', msc4354_sticky_key: 'here' });
    for (const device of [bobsNewDevice, bob]) {
      await eventually(() => expect(sticky(device.room(encrypted))).toEqual(['at home', ...ALL_STICKY.slice(1)]));
    }
    expect(remainingMinutes(bobsNewDevice.room(encrypted))).toEqual([30, 15, 45]);
  });

  test('Alice leaves the calls, and Bob sees it', async () => {
    for (const roomId of [plain, encrypted]) {
      expect(await sessionOf(alice, roomId).leaveRoomSession()).toBe(true);
      await eventually(() => expect(callers(bob, roomId)).toEqual([]));
    }
    await eventually(() => expect(callers(bobsNewDevice, plain)).toEqual([]));
  });

  test('the server refused nothing but what the SDK expects to be refused', () => {
    const answers = [alice, bob, bobsNewDevice].flatMap(({ network }) => [...network.answers.keys()]);
    const refused = answers.filter((answer) => !answer.endsWith(' 200'));
    expect([...new Set(refused)].sort()).toEqual(EXPECTED_REFUSALS);
  });

  test('each device started by the endpoints that it needs, and asked for keys no more than it needs', () => {
    for (const { network } of [alice, bob, bobsNewDevice]) {
      expect([...network.answers.keys()]).toEqual(expect.arrayContaining(START_UP));
      expect(network.answers.get(KEYS_QUERY)).toBeLessThanOrEqual(MOST_KEY_QUERIES);
    }
  });

  test('the SDK logged no error', () => {
    // The network was cut and the server restarted: that is logged, and must be all.
    const others = errorsLogged.filter((line) => !line.some((part) => part instanceof ConnectionError));
    expect(others).toEqual([]);
  });
});

async function sendPlace(
  { client }: SdkClient,
  roomId: string,
  content: { name: string; msc4354_sticky_key?: string },
): Promise<void> {
  await client._unstable_sendStickyEvent(roomId, STICKY_MS, null, PLACE, content);
}

/** Joins by a sticky membership, and waits until it is out. */
async function joinCall(device: SdkClient, roomId: string): Promise<void> {
  const { userId, deviceId } = device;
  const member = { userId, deviceId, memberId: randomUUID() };
  // The server's time jumps: the leave that it holds must not be due by that.
  const config = { unstableSendStickyEvents: true, delayedLeaveEventDelayMs: 60 * MINUTE_MS };
  sessionOf(device, roomId).joinRTCSession(member, [], TRANSPORT, config);
  await eventually(() => expect(callers(device, roomId)).toEqual([[userId, deviceId]]));
}

function sessionOf({ client, room }: SdkClient, roomId: string) {
  return client.matrixRTC.getRoomSession(room(roomId));
}

/** User and device of everybody whom the SDK sees in the call of the room. */
function callers(device: SdkClient, roomId: string): unknown[][] {
  return sessionOf(device, roomId).memberships.map(({ userId, deviceId }) => [userId, deviceId]);
}

/** The sticky store of the SDK: the names of places, types of others, in order of the alphabet. */
function sticky(room: Room): string[] {
  return stickyEvents(room).map(nameOf);
}

/**
 * What the SDK believes is left of each, in minutes, in the order of `sticky`. Exact: the server's time stands still.
 */
function remainingMinutes(room: Room): number[] {
  return stickyEvents(room).map((event) => {
    const receivedMs = event.localTimestamp + (event.getAge() ?? Number.NaN);
    return ((event.unstableStickyExpiresAt ?? Number.NaN) - receivedMs) / MINUTE_MS;
  });
}

function stickyEvents(room: Room): MatrixEvent[] {
  return [...room._unstable_getStickyEvents()].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

function nameOf(event: MatrixEvent): string {
  return event.getContent().name ?? event.getType();
}
