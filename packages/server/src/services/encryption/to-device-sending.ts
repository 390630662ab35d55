import { isLongerThan, MAX_IDENTIFIER_BYTES, parseUserId, type ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  insertToDeviceMessage,
  selectDeviceNamesOfUsers,
  trimToDeviceMessages,
} from '../../storage/queries/to-device.ts';
import { insertTransactionId } from '../../storage/queries/transaction-ids.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import { splitByServer } from './split-by-server.ts';

/** Largest message: what fits into one EDU of federation with its envelope. */
const MAX_MESSAGE_BYTES = 60_000;
/** Messages that one request may make, `*` counted as the devices that it stands for. */
const MAX_MESSAGES_PER_REQUEST = 2_000;
/** Messages that wait for a device. Beyond it the oldest go: what is new is worth more to who comes so late. */
const MAX_QUEUED_MESSAGES = 10_000;
/** How many more may have come before the oldest are removed. */
const QUEUE_SLACK = 500;
/** Devices whose new messages are counted. */
const MAX_COUNTED_DEVICES = 20_000;

const EVERY_DEVICE = '*';
const FRESH_EXPECTATION = 'the transaction ID is new';

/** One request of a client. */
export interface ToDeviceRequest {
  readonly sender: DeviceAddress;
  readonly type: string;
  readonly transactionId: string;
  /** By user, by device or `*`: contents. */
  readonly messages: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
}

interface Delivery extends DeviceAddress {
  readonly json: string;
}

export interface ToDeviceParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
}

/** Takes messages for devices. Specification: client-server API, "Send-to-Device messaging". */
export class ToDeviceSending {
  readonly #parts: ToDeviceParts;
  /** New messages of each device since its queue was cut. */
  readonly #uncut = createCache<string, number>(MAX_COUNTED_DEVICES);

  constructor(parts: ToDeviceParts) {
    this.#parts = parts;
  }

  /**
   * Queues the messages, all or none, once per transaction ID. Devices that do not exist are passed over. Throws
   * M_INVALID_PARAM for what is no user ID, M_TOO_LARGE for too large a message or too many of them.
   */
  async send(request: ToDeviceRequest): Promise<void> {
    if (isLongerThan(request.type, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `The event type may have ${MAX_IDENTIFIER_BYTES} bytes at most.`);
    }
    for (const userId of Object.keys(request.messages)) parseUserId(userId);
    const { local, remote } = splitByServer(request.messages, this.#parts.serverName);
    if (remote.size > 0) {
      // Federation takes over here: each server gets its part in an EDU, queued in the same batch.
      this.#parts.platform.log.debug('Messages for devices of other servers were dropped: no federation yet', {
        servers: [...remote.keys()],
      });
    }
    const deliveries = await this.#address(request, local);
    if (deliveries.length > 0) await this.#queue(request, deliveries);
  }

  /** A message for each device that exists. */
  async #address(
    request: ToDeviceRequest,
    local: readonly (readonly [string, Readonly<Record<string, JsonObject>>])[],
  ): Promise<Delivery[]> {
    const devices = await this.#devicesOf(local.map(([userId]) => userId));
    const deliveries: Delivery[] = [];
    for (const [userId, contents] of local) {
      const known = devices.get(userId) ?? new Set();
      for (const [deviceId, content] of Object.entries(contents)) {
        const json = messageText(request, content);
        if (deviceId === EVERY_DEVICE) for (const each of known) deliveries.push({ userId, deviceId: each, json });
        else if (known.has(deviceId)) deliveries.push({ userId, deviceId, json });
      }
    }
    if (deliveries.length > MAX_MESSAGES_PER_REQUEST) {
      const text = `One request may send ${MAX_MESSAGES_PER_REQUEST} messages, this one would be ${deliveries.length}.`;
      throw new MatrixError('M_TOO_LARGE', text);
    }
    return deliveries;
  }

  async #devicesOf(userIds: readonly string[]): Promise<Map<string, Set<string>>> {
    const devices = new Map<string, Set<string>>();
    if (userIds.length === 0) return devices;
    for (const row of await this.#parts.storage.read(selectDeviceNamesOfUsers, { userIds })) {
      const known = devices.get(row.user_id);
      if (known === undefined) devices.set(row.user_id, new Set([row.device_id]));
      else known.add(row.device_id);
    }
    return devices;
  }

  async #queue(request: ToDeviceRequest, deliveries: readonly Delivery[]): Promise<void> {
    const { storage, platform } = this.#parts;
    const { type, transactionId } = request;
    const { userId, deviceId } = request.sender;
    const scope = `sendToDevice/${type}`;
    const writing = storage.write((transaction) => {
      const answer = { eventNid: null, responseJson: '{}', createdTs: platform.clock.nowMs() };
      const row = { userId, deviceId, scope, transactionId, ...answer };
      transaction.expect(insertTransactionId, row, FRESH_EXPECTATION);
      for (const delivery of deliveries) this.#deliver(transaction, delivery);
    });
    await writing.catch((error) => {
      // A repeated request: the first one did it.
      if (!(error instanceof ExpectationFailed) || error.expectation !== FRESH_EXPECTATION) throw error;
    });
  }

  #deliver(transaction: WriteTransaction, { userId, deviceId, json }: Delivery): void {
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
}

/** The event as the client gets it. */
function messageText({ sender, type }: ToDeviceRequest, content: JsonObject): string {
  const text = JSON.stringify({ type, sender: sender.userId, content });
  if (isLongerThan(text, MAX_MESSAGE_BYTES)) {
    throw new MatrixError('M_TOO_LARGE', `A message to a device may have ${MAX_MESSAGE_BYTES} bytes at most.`);
  }
  return text;
}
