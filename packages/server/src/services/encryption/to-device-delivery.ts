import type { JsonObject } from '@limpet/protocol/json';
import { createCache } from '../../cache/create-cache.ts';
import {
  insertToDeviceMessage,
  selectDeviceNamesOfUsers,
  trimToDeviceMessages,
} from '../../storage/queries/to-device.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import type { DeviceAddress } from './encryption-reader.ts';

/** Messages that wait for a device. Beyond it the oldest go: what is new is worth more to who comes so late. */
const MAX_QUEUED_MESSAGES = 10_000;
/** How many more may have come before the oldest are removed. */
const QUEUE_SLACK = 500;
/** Devices whose new messages are counted. */
const MAX_COUNTED_DEVICES = 20_000;

const EVERY_DEVICE = '*';

/** By device or `*`: contents. */
export type ContentsByDevice = Readonly<Record<string, JsonObject>>;

export interface Delivery extends DeviceAddress {
  /** The event as the client gets it. */
  readonly json: string;
}

/** Puts messages into the queues of this server's devices, whoever sent them. */
export class ToDeviceDelivery {
  readonly #storage: Storage;
  /** New messages of each device since its queue was cut. */
  readonly #uncut = createCache<string, number>(MAX_COUNTED_DEVICES);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** A message for each device that exists; `*` stands for all of the user's. */
  async address(
    messages: readonly (readonly [userId: string, contents: ContentsByDevice])[],
    textOf: (content: JsonObject) => string,
  ): Promise<Delivery[]> {
    const devices = await this.#devicesOf(messages.map(([userId]) => userId));
    const deliveries: Delivery[] = [];
    for (const [userId, contents] of messages) {
      const known = devices.get(userId) ?? new Set();
      for (const [deviceId, content] of Object.entries(contents)) {
        const json = textOf(content);
        if (deviceId === EVERY_DEVICE) for (const each of known) deliveries.push({ userId, deviceId: each, json });
        else if (known.has(deviceId)) deliveries.push({ userId, deviceId, json });
      }
    }
    return deliveries;
  }

  deliver(transaction: WriteTransaction, { userId, deviceId, json }: Delivery): void {
    const position = transaction.publish({ kind: 'to-device', userId, deviceId });
    const { writer } = transaction;
    transaction.run(insertToDeviceMessage, { userId, deviceId, writer, position, json });
    const key = `${deviceId}\0${userId}`;
    // A device that was not counted may have a full queue.
    const uncut = (this.#uncut.get(key) ?? QUEUE_SLACK) + 1;
    this.#uncut.set(key, uncut > QUEUE_SLACK ? 0 : uncut);
    if (uncut > QUEUE_SLACK) {
      transaction.run(trimToDeviceMessages, { userId, deviceId, writer, kept: MAX_QUEUED_MESSAGES });
    }
  }

  async #devicesOf(userIds: readonly string[]): Promise<Map<string, Set<string>>> {
    const devices = new Map<string, Set<string>>();
    if (userIds.length === 0) return devices;
    for (const row of await this.#storage.read(selectDeviceNamesOfUsers, { userIds })) {
      const known = devices.get(row.user_id);
      if (known === undefined) devices.set(row.user_id, new Set([row.device_id]));
      else known.add(row.device_id);
    }
    return devices;
  }
}
