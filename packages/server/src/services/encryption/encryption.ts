import type { Log } from '../../platform/log.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import { DeviceListChanges } from './device-list-changes.ts';
import type { DeviceAddress, EncryptionReader, KeyCounts } from './encryption-reader.ts';
import { KeyCountsCache } from './key-counts.ts';
import { ToDeviceQueue } from './to-device-queue.ts';

/** Everything of end-to-end encryption that others read. It has to be made before whoever answers syncs. */
export class Encryption implements EncryptionReader {
  readonly deviceLists: DeviceListChanges;
  readonly #counts: KeyCountsCache;
  readonly #queue: ToDeviceQueue;

  constructor({ storage, log, memberships }: { storage: Storage; log: Log; memberships: MembershipReader }) {
    this.deviceLists = new DeviceListChanges(storage, memberships);
    this.#counts = new KeyCountsCache(storage);
    this.#queue = new ToDeviceQueue(storage, log);
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

  changedUsers(ranges: readonly StreamRange[]): Promise<readonly string[]> {
    return this.deviceLists.changedUsers(ranges);
  }

  /** Finishes what runs in the background. */
  async stop(): Promise<void> {
    await this.#queue.settled();
  }
}
