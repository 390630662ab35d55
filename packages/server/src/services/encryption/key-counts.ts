import { createCache } from '../../cache/create-cache.ts';
import { countOneTimeKeys, selectUnusedFallbackTypes } from '../../storage/queries/device-keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DeviceAddress, KeyCounts } from './encryption-reader.ts';

/** Users whose devices' counts are kept in memory. */
const MAX_CACHED_USERS = 50_000;
/** Clients take this one as 0 only if it is there. */
const ALWAYS_COUNTED = 'signed_curve25519';

/**
 * How many keys each device has left. Every sync asks, so it is kept in memory until the stream says that it changed.
 * As followers are told in the order in which they came, this has to be made before whoever answers syncs.
 */
export class KeyCountsCache {
  readonly #storage: Storage;
  /** By user, by device. A value that is not here any more when its read ends is not kept. */
  readonly #users = createCache<string, Map<string, Promise<KeyCounts>>>(MAX_CACHED_USERS);

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        if (change.kind === 'one-time-keys') this.#users.get(change.userId)?.delete(change.deviceId);
        // A device that was deleted may come again, with nothing.
        else if (change.kind === 'device-list') this.#users.delete(change.userId);
      }
    });
  }

  of(device: DeviceAddress): Promise<KeyCounts> {
    let devices = this.#users.get(device.userId);
    if (devices === undefined) {
      devices = new Map();
      this.#users.set(device.userId, devices);
    }
    const known = devices.get(device.deviceId);
    if (known !== undefined) return known;
    const reading = this.#read(device);
    const kept = devices;
    kept.set(device.deviceId, reading);
    reading.catch(() => {
      // Whoever asked is told; the next one reads again.
      if (kept.get(device.deviceId) === reading) kept.delete(device.deviceId);
    });
    return reading;
  }

  /** As the database has it now. */
  async #read({ userId, deviceId }: DeviceAddress): Promise<KeyCounts> {
    const [counted, unused] = await Promise.all([
      this.#storage.read(countOneTimeKeys, { userId, deviceId }),
      this.#storage.read(selectUnusedFallbackTypes, { userId, deviceId }),
    ]);
    const oneTimeKeys: Record<string, number> = { [ALWAYS_COUNTED]: 0 };
    for (const row of counted) oneTimeKeys[row.algorithm] = row.count;
    return { oneTimeKeys, unusedFallbackTypes: unused.map((row) => row.algorithm) };
  }
}
