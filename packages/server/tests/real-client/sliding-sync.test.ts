import { randomUUID } from 'node:crypto';
import { EventType, type MatrixClient, type Room } from 'matrix-js-sdk';
import { SlidingSync } from 'matrix-js-sdk/lib/sliding-sync.js';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { messageBodies } from './message-bodies.ts';
import { type RestartableServer, startRestartableServer } from './restartable-server.ts';
import { createRoomOfTwo } from './room-of-two.ts';
import { eventually, loginClient, registerClient, type SdkClient, TIMELINE_LIMIT } from './sdk-client.ts';

const STICKY_MS = 30 * 60_000;
/** When the server takes a caller out of the call who does not speak up any more. It takes that long in real time. */
const LEAVE_DELAY_MS = 2_000;
const TRANSPORT = { type: 'livekit', livekit_service_url: 'https://calls.example.org' };
const WINDOW = { timeline_limit: TIMELINE_LIMIT, required_state: [['*', '*']] };
const KEYED = 'org.example.map';

declare module 'matrix-js-sdk/lib/@types/event.js' {
  interface TimelineEvents {
    [KEYED]: { name: string; msc4354_sticky_key: string };
  }
}

/** One story, told in the order of the tests. Alice syncs the old way, Bob by the SDK's SlidingSyncSdk. */
describe('matrix-js-sdk on sliding sync', () => {
  let server: RestartableServer;
  let alice: SdkClient;
  let bob: SdkClient;
  let bobsNewDevice: SdkClient;
  let rooms: string[];

  const sliding = (client: MatrixClient) => {
    const lists = new Map([['all', { ranges: [[0, 20]], ...WINDOW }]]);
    return new SlidingSync(server.url, lists, WINDOW, client, 5_000);
  };

  beforeAll(async () => {
    for (const level of ['trace', 'debug', 'log', 'info', 'warn', 'error'] as const) {
      vi.spyOn(console, level).mockImplementation(() => undefined);
    }
    server = await startRestartableServer();
  });

  afterAll(async () => {
    for (const device of [alice, bob, bobsNewDevice]) device?.stop();
    await server?.remove();
    vi.restoreAllMocks();
  });

  async function joinCall(device: SdkClient, roomId: string): Promise<void> {
    const { userId, deviceId } = device;
    const member = { userId, deviceId, memberId: randomUUID() };
    const config = {
      unstableSendStickyEvents: true,
      delayedLeaveEventDelayMs: LEAVE_DELAY_MS,
      delayedLeaveEventRestartMs: LEAVE_DELAY_MS / 4,
    };
    const session = device.client.matrixRTC.getRoomSession(device.room(roomId));
    session.joinRTCSession(member, [], TRANSPORT, config);
    await eventually(() => expect(callers(device, roomId)).toEqual([[userId, deviceId]]));
  }

  test('a client sees its rooms, invited and joined, and reads in both kinds', async () => {
    [alice, bob] = await Promise.all([
      registerClient(server.url, 'alice'),
      registerClient(server.url, 'bob', { sliding }),
    ]);
    rooms = [await createRoomOfTwo(alice, bob, false), await createRoomOfTwo(alice, bob, true)];
    for (const roomId of rooms) {
      await alice.client.sendTextMessage(roomId, 'Can you read this?');
      await eventually(() => expect(messageBodies(bob, roomId).at(-1)).toBe('Can you read this?'));
      await bob.client.sendTextMessage(roomId, 'Yes.');
      await eventually(() => expect(messageBodies(alice, roomId).at(-1)).toBe('Yes.'));
    }
  });

  test('C10: what sticks reaches it while it is there, and after it was away, beyond the timeline', async () => {
    for (const [name, isAway] of [
      ['while there', false],
      ['while away', true],
    ] as const) {
      if (isAway) bob.goAway();
      for (const roomId of rooms) {
        const content = { name, msc4354_sticky_key: name };
        await alice.client._unstable_sendStickyEvent(roomId, STICKY_MS, null, KEYED, content);
        const later = isAway ? TIMELINE_LIMIT + 5 : 0;
        for (let number = 0; number < later; number++) await alice.client.sendTextMessage(roomId, `message ${number}`);
      }
      if (isAway) await bob.comeBack();
      for (const roomId of rooms) await eventually(() => expect(stickyNames(bob.room(roomId))).toContain(name));
    }
    for (const roomId of rooms) expect(stickyNames(bob.room(roomId))).toEqual(['while away', 'while there']);
  });

  test('a new device has it from the start, and an old one goes on where it was after a restart', async () => {
    await server.restart();
    bobsNewDevice = await loginClient(server.url, 'bob', { sliding });
    const [plain = ''] = rooms;
    await eventually(() => expect(stickyNames(bobsNewDevice.room(plain))).toEqual(['while away', 'while there']));
    await Promise.all([alice.comeBack(), bob.comeBack()]);
    await alice.client.sendTextMessage(plain, 'Still there?');
    await eventually(() => expect(messageBodies(bob, plain).at(-1)).toBe('Still there?'));
    expect(bob.network.answers.get(POS_UNKNOWN)).toBeUndefined();
  });

  test('G3, F7: who is in a call is seen in it, and who vanishes is gone when the delayed leave is sent', async () => {
    for (const roomId of rooms) {
      await joinCall(alice, roomId);
      await eventually(() => expect(callers(bob, roomId)).toEqual([[alice.userId, alice.deviceId]]));
    }
    alice.goAway();
    for (const roomId of rooms) expect(callers(bob, roomId)).toEqual([[alice.userId, alice.deviceId]]);
    server.world.advance(LEAVE_DELAY_MS);
    for (const roomId of rooms) await eventually(() => expect(callers(bob, roomId)).toEqual([]));
  });
});

const POS_UNKNOWN = 'POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync 400 M_UNKNOWN_POS';

/** User and device of everybody whom the SDK sees in the call of the room. */
function callers(device: SdkClient, roomId: string): unknown[][] {
  const session = device.client.matrixRTC.getRoomSession(device.room(roomId));
  return session.memberships.map(({ userId, deviceId }) => [userId, deviceId]);
}

/** The names of what sticks, in order of the alphabet; memberships of calls are left out. */
function stickyNames(room: Room): string[] {
  const events = [...room._unstable_getStickyEvents()].filter((event) => event.getType() !== EventType.RTCMembership);
  return events.map((event) => String(event.getContent().name)).sort();
}
