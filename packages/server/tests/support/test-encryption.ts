import { asDeviceId, parseServerName, parseUserId } from '@limpet/protocol/identifiers';
import { Encryption } from '../../src/services/encryption/encryption.ts';
import type { DeviceAddress } from '../../src/services/encryption/encryption-reader.ts';
import type { RemoteServers } from '../../src/services/remote-servers/remote-servers.ts';
import type { PublishedChange } from '../../src/storage/change.ts';
import { insertDevice } from '../../src/storage/queries/devices.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { fakeRemoteServers } from './fake-remote-servers.ts';
import { createManualWorld } from './manual-world.ts';
import { noNetwork } from './no-network.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { openTestStorage } from './test-storage.ts';

export interface TestEncryption {
  readonly storage: Storage;
  readonly encryption: Encryption;
  /** All that was published since the start or the last `takeChanges`. */
  takeChanges(): PublishedChange[];
  /** A device, with an account or not: nothing here asks for one. */
  createDevice(userId: string, deviceId: string, displayName?: string): Promise<DeviceAddress>;
  close(): Promise<void>;
}

export interface TestEncryptionOptions {
  /** Other servers; without them, nobody is there. */
  readonly remote?: RemoteServers;
}

/** The encryption services of `localhost` over a database of their own. */
export async function createTestEncryption(options: TestEncryptionOptions = {}): Promise<TestEncryption> {
  const storage = await openTestStorage();
  const { clock, timers } = createManualWorld();
  const platform = { clock, timers, random: seededRandom(1), log: silentLog, ...noNetwork };
  const serverName = parseServerName('localhost');
  const encryption = new Encryption({
    storage,
    platform,
    serverName,
    remote: options.remote ?? fakeRemoteServers([]),
    isFederated: true,
  });
  let changes: PublishedChange[] = [];
  storage.stream.follow((published) => changes.push(...published));
  return {
    storage,
    encryption,
    takeChanges() {
      const taken = changes;
      changes = [];
      return taken;
    },
    async createDevice(userId, deviceId, displayName) {
      const row = { userId, deviceId, displayName: displayName ?? null, createdTs: 1, address: null, userAgent: null };
      await storage.write((transaction) => transaction.run(insertDevice, row));
      return { userId: parseUserId(userId), deviceId: asDeviceId(deviceId) ?? '' };
    },
    async close() {
      await encryption.stop();
      await storage.close();
    },
  };
}
