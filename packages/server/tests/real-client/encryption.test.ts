import type { UIAuthCallback } from 'matrix-js-sdk';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { messageBodies } from './message-bodies.ts';
import { RecoveryKey } from './recovery-key.ts';
import { type RestartableServer, startRestartableServer } from './restartable-server.ts';
import { createRoomOfTwo } from './room-of-two.ts';
import { eventually, loginClient, passwordOf, registerClient, type SdkClient } from './sdk-client.ts';
import { backedUpKeys, cryptoOf, setUpEncryption, unlockEncryption } from './user-encryption.ts';
import { verifyEachOther } from './verify-each-other.ts';

/** Answers other than 200 that the SDK asks for and lives with. */
const EXPECTED_REFUSALS = [
  // What was sent while Alice had no device is in no backup.
  'GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId} 404 M_NOT_FOUND',
  // No backup is there when it looks for the first time.
  'GET /_matrix/client/v3/room_keys/version 404 M_NOT_FOUND',
  // New keys in the place of others are asked for the password: the challenge has no errcode.
  'POST /_matrix/client/v3/keys/device_signing/upload 401 undefined',
];

/** One story of two users and their keys, told in the order of the tests. */
describe('encryption of matrix-js-sdk', () => {
  let server: RestartableServer;
  let alice: SdkClient;
  let bob: SdkClient;
  let alicesNext: SdkClient;
  let alicesLast: SdkClient;
  let roomId: string;
  const recovery = { alice: new RecoveryKey(), bob: new RecoveryKey() };

  beforeAll(async () => {
    for (const level of ['trace', 'debug', 'log', 'info', 'warn', 'error'] as const) {
      vi.spyOn(console, level).mockImplementation(() => undefined);
    }
    server = await startRestartableServer();
  });

  afterAll(async () => {
    for (const device of [alice, bob, alicesNext, alicesLast]) device?.stop();
    await server?.remove();
    vi.restoreAllMocks();
  });

  async function say(from: SdkClient, text: string): Promise<void> {
    await from.client.sendTextMessage(roomId, text);
  }

  async function reads(device: SdkClient, ...texts: string[]): Promise<void> {
    await eventually(() => expect(messageBodies(device, roomId)).toEqual(expect.arrayContaining(texts)));
  }

  test('two users set up cross-signing and key backups, and each sees whose the devices of the other are', async () => {
    [alice, bob] = await Promise.all([
      registerClient(server.url, 'alice', { recovery: recovery.alice }),
      registerClient(server.url, 'bob', { recovery: recovery.bob }),
    ]);
    await Promise.all([setUpEncryption(alice), setUpEncryption(bob)]);
    roomId = await createRoomOfTwo(alice, bob, true);
    await say(alice, 'first');
    await reads(bob, 'first');
    for (const [viewer, owner] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      await eventually(async () => {
        const status = await cryptoOf(viewer).getDeviceVerificationStatus(owner.userId, owner.deviceId);
        expect([status?.signedByOwner, status?.isVerified()]).toEqual([true, false]);
      });
    }
  });

  test('they verify each other', async () => {
    await verifyEachOther(alice, bob, roomId);
    for (const [viewer, owner] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      await eventually(async () => {
        expect((await cryptoOf(viewer).getUserVerificationStatus(owner.userId)).isVerified()).toBe(true);
        const status = await cryptoOf(viewer).getDeviceVerificationStatus(owner.userId, owner.deviceId);
        expect(status?.isVerified()).toBe(true);
      });
    }
  });

  test('a new device reads what was sent before it existed, and knows whom its user verified', async () => {
    await say(alice, 'second');
    await say(bob, 'third');
    await reads(alice, 'second', 'third');
    await eventually(async () => expect(await backedUpKeys(alice)).toBeGreaterThanOrEqual(2));
    alicesNext = await loginClient(server.url, 'alice', { recovery: recovery.alice });
    expect(messageBodies(alicesNext, roomId)).not.toContain('second');
    expect(await unlockEncryption(alicesNext)).toBeGreaterThanOrEqual(2);
    await reads(alicesNext, 'second', 'third');
    await eventually(async () => {
      expect((await cryptoOf(alicesNext).getUserVerificationStatus(bob.userId)).isVerified()).toBe(true);
      const own = await cryptoOf(bob).getDeviceVerificationStatus(alice.userId, alicesNext.deviceId);
      expect(own?.isVerified()).toBe(true);
    });
  });

  test('what is said while Alice has no device at all reaches her next one by the dehydrated device', async () => {
    await cryptoOf(alicesNext).startDehydration();
    const dehydrated = await eventually(async () => {
      const devices = (await cryptoOf(bob).getUserDeviceInfo([alice.userId])).get(alice.userId);
      const found = [...(devices?.values() ?? [])].find((device) => device.dehydrated);
      expect(found).toBeDefined();
      return found?.deviceId;
    });
    expect(dehydrated).not.toBe(alicesNext.deviceId);
    for (const device of [alice, alicesNext]) {
      device.stop();
      await device.client.logout();
    }
    await say(bob, 'is anybody there?');
    alicesLast = await loginClient(server.url, 'alice', { recovery: recovery.alice });
    await unlockEncryption(alicesLast);
    expect(messageBodies(alicesLast, roomId)).not.toContain('is anybody there?');
    await cryptoOf(alicesLast).startDehydration();
    await reads(alicesLast, 'is anybody there?');
  });

  test('a new identity needs the password, and whoever verified the old one learns of it', async () => {
    const authUploadDeviceSigningKeys: UIAuthCallback<void> = async (upload) => {
      try {
        await upload(null);
      } catch (error) {
        const { session } = (error as { data: { session: string } }).data;
        const identifier = { type: 'm.id.user', user: 'alice' };
        await upload({ type: 'm.login.password', session, identifier, password: passwordOf('alice') });
      }
    };
    await cryptoOf(alicesLast).bootstrapCrossSigning({ setupNewCrossSigning: true, authUploadDeviceSigningKeys });
    await eventually(async () => {
      const status = await cryptoOf(bob).getUserVerificationStatus(alice.userId);
      expect([status.isVerified(), status.wasCrossSigningVerified()]).toEqual([false, true]);
    });
  });

  test('the server refused nothing but what the SDK expects to be refused', () => {
    const answers = [alice, bob, alicesNext, alicesLast].flatMap(({ network }) => [...network.answers.keys()]);
    const refused = answers.filter((answer) => !answer.endsWith(' 200'));
    expect([...new Set(refused)].sort()).toEqual(EXPECTED_REFUSALS);
  });
});
