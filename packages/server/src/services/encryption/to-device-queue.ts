import { createCache } from '../../cache/create-cache.ts';
import type { Log } from '../../platform/log.ts';
import { deleteToDeviceMessages, selectToDeviceMessages } from '../../storage/queries/to-device.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StreamRange } from '../../storage/stream.ts';
import type { DeviceAddress } from './encryption-reader.ts';

/** Devices of which it is known what waits for them. */
const MAX_KNOWN_DEVICES = 50_000;
/** Acknowledgements in one batch: small, so that no writer waits. */
const DEVICES_PER_BATCH = 500;
/** Acknowledgements that wait for the disk. One too many is forgotten: the device's next one says the same. */
const MAX_WAITING = 50_000;

interface Acknowledgement {
  readonly device: DeviceAddress;
  readonly writer: number;
  readonly upTo: number;
  readonly known: KnownDevice;
}

/** What is known of the messages of one writer for a device. */
interface KnownDevice {
  /** Nothing waits up to here; `undefined` until the first removal. */
  removedUpTo: number | undefined;
  /** Where the newest message stands, or later. */
  newest: number;
}

/**
 * Messages that wait for their devices, as sync takes them. What a device has acknowledged is removed in the
 * background; a device for which nothing waits costs no write however often it syncs.
 */
export class ToDeviceQueue {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #known = createCache<string, KnownDevice>(MAX_KNOWN_DEVICES);
  #waiting = new Map<string, Acknowledgement>();
  #removing: Promise<void> | undefined;

  constructor(storage: Storage, log: Log) {
    this.#storage = storage;
    this.#log = log;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        if (change.kind !== 'to-device') continue;
        const known = this.#known.peek(keyOf(change, change.writer));
        if (known !== undefined) known.newest = change.position;
      }
    });
  }

  async read(
    { userId, deviceId }: DeviceAddress,
    range: StreamRange,
    limit: number,
  ): Promise<{ json: string; position: number }[]> {
    return this.#storage.read(selectToDeviceMessages, { userId, deviceId, ...range, limit });
  }

  acknowledge(device: DeviceAddress, writer: number, upTo: number): void {
    const key = keyOf(device, writer);
    let known = this.#known.get(key);
    if (known === undefined) {
      // What came before is not known: any position that there is may be that of a message.
      known = { removedUpTo: undefined, newest: this.#storage.stream.current().get(writer) ?? 0 };
      this.#known.set(key, known);
    }
    if (known.removedUpTo !== undefined && known.newest <= known.removedUpTo) return;
    const waiting = this.#waiting.get(key);
    if (waiting === undefined && this.#waiting.size >= MAX_WAITING) return;
    if (waiting === undefined || waiting.upTo < upTo) this.#waiting.set(key, { device, writer, upTo, known });
    this.#removing ??= this.#remove();
  }

  /** Kept when nothing is on its way to the disk any more. */
  async settled(): Promise<void> {
    await this.#removing;
  }

  async #remove(): Promise<void> {
    // What else is acknowledged in this turn of the event loop goes along.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, DEVICES_PER_BATCH);
      for (const [key] of batch) this.#waiting.delete(key);
      try {
        await this.#removeBatch(batch.map(([, acknowledgement]) => acknowledgement));
      } catch (error) {
        this.#log.warn('Delivered to-device messages were not removed; the next sync of the device removes them', {
          error,
        });
      }
    }
    this.#removing = undefined;
  }

  async #removeBatch(batch: readonly Acknowledgement[]): Promise<void> {
    await this.#storage.write((transaction) => {
      for (const { device, writer, upTo } of batch) {
        const { userId, deviceId } = device;
        transaction.run(deleteToDeviceMessages, { userId, deviceId, writer, upTo });
      }
    });
    for (const { known, upTo } of batch) known.removedUpTo = Math.max(known.removedUpTo ?? 0, upTo);
  }
}

/** Neither part can hold NUL. */
function keyOf({ userId, deviceId }: DeviceAddress, writer: number): string {
  return `${writer}\0${deviceId}\0${userId}`;
}
