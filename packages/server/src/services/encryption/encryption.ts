import type { ServerName } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import { selectDeviceListChanges } from '../../storage/queries/device-lists.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import { DeviceKeys } from './device-keys.ts';
import type { DeviceAddress, EncryptionReader, KeyCounts } from './encryption-reader.ts';
import { KeyClaims } from './key-claims.ts';
import { KeyCountsCache } from './key-counts.ts';
import { ToDeviceQueue } from './to-device-queue.ts';
import { ToDeviceSending } from './to-device-sending.ts';

export interface EncryptionParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
}

/**
 * Everything that the server does for end-to-end encryption: it carries messages between devices and keeps their public
 * keys. It has to be made before whoever answers syncs, see `KeyCountsCache`.
 */
export class Encryption implements EncryptionReader {
  readonly sending: ToDeviceSending;
  readonly deviceKeys: DeviceKeys;
  readonly keyClaims: KeyClaims;
  readonly #storage: Storage;
  readonly #counts: KeyCountsCache;
  readonly #queue: ToDeviceQueue;

  constructor(parts: EncryptionParts) {
    const { storage, platform, serverName } = parts;
    this.#storage = storage;
    this.sending = new ToDeviceSending(parts);
    this.deviceKeys = new DeviceKeys(storage, serverName);
    this.keyClaims = new KeyClaims(storage, serverName);
    this.#counts = new KeyCountsCache(storage);
    this.#queue = new ToDeviceQueue(storage, platform.log);
  }

  toDevice(device: DeviceAddress, range: StreamRange, limit: number): Promise<{ json: string; position: number }[]> {
    return this.#queue.read(device, range, limit);
  }

  acknowledgeToDevice(device: DeviceAddress, writer: number, upTo: number): void {
    this.#queue.acknowledge(device, writer, upTo);
  }

  keyCounts(device: DeviceAddress): Promise<KeyCounts> {
    return this.#counts.of(device);
  }

  async changedUsers(ranges: readonly StreamRange[]): Promise<readonly string[]> {
    const pages = await Promise.all(ranges.map((range) => this.#storage.read(selectDeviceListChanges, { ...range })));
    return [...new Set(pages.flat().map((row) => row.user_id))];
  }

  /** Finishes what runs in the background. */
  async stop(): Promise<void> {
    await this.#queue.settled();
  }
}
