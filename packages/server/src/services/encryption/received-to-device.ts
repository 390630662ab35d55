import { asUserId, isLongerThan, MAX_IDENTIFIER_BYTES, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { ALLOWED, refused, type Verdict } from '@limpet/protocol/verdict';
import { createCache } from '../../cache/create-cache.ts';
import type { Platform } from '../../platform/platform.ts';
import {
  deleteOldReceivedToDevice,
  insertReceivedToDevice,
  selectReceivedToDevice,
  trimReceivedToDevice,
} from '../../storage/queries/received-to-device.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { canonicalText } from './canonical-text.ts';
import type { ContentsByDevice, Delivery, ToDeviceDelivery } from './to-device-delivery.ts';

/** Messages that one EDU may make, `*` counted as the devices that it stands for. */
const MAX_MESSAGES_PER_EDU = 2_000;
/** Largest event for a client; a whole EDU may have 64 KiB. */
const MAX_EVENT_BYTES = 65_536;
/** Messages of one server that are remembered, so that they are not delivered again. */
const MAX_REMEMBERED = 10_000;
/** How many more may have come before the oldest are forgotten. */
const REMEMBERED_SLACK = 1_000;
/** Servers whose messages are counted. */
const MAX_COUNTED_SERVERS = 10_000;
/** A server that did not get our answer sends again within hours, not weeks. */
const REMEMBERED_MS = 7 * 24 * 60 * 60 * 1000;
const SWEEP_EVERY_MS = 60 * 60 * 1000;

const FRESH_EXPECTATION = 'the message is new';

export interface ReceivedToDeviceParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: string;
  readonly delivery: ToDeviceDelivery;
}

/**
 * Takes messages to devices that other servers send, each once however often it comes.
 * Specification: server-server API, "Send-to-device messaging".
 */
export class ReceivedToDevice {
  readonly #parts: ReceivedToDeviceParts;
  readonly #sweeper: RowSweeper;
  /** Messages of each server since the oldest were forgotten. */
  readonly #untrimmed = createCache<string, number>(MAX_COUNTED_SERVERS);

  constructor(parts: ReceivedToDeviceParts) {
    this.#parts = parts;
    this.#sweeper = new RowSweeper({
      platform: parts.platform,
      storage: parts.storage,
      rows: 'IDs of messages to devices',
      everyMs: SWEEP_EVERY_MS,
      remove: (transaction, nowMs, limit) =>
        transaction.fetch(deleteOldReceivedToDevice, { before: nowMs - REMEMBERED_MS, limit }),
    });
  }

  start(): void {
    this.#sweeper.start();
  }

  async stop(): Promise<void> {
    await this.#sweeper.stop();
  }

  /** Handles `m.direct_to_device`. */
  async take(origin: string, content: JsonObject): Promise<Verdict> {
    const message = readMessage(origin, content);
    if (typeof message === 'string') return refused(message);
    const { storage, delivery, serverName } = this.#parts;
    const { sender, type, messageId } = message;
    const local = message.messages.filter(([userId]) => {
      const id = asUserId(userId);
      return id !== undefined && serverNameOf(id) === serverName;
    });
    const deliveries = await delivery.address(local, (one) => JSON.stringify({ type, sender, content: one }));
    if (deliveries.length > MAX_MESSAGES_PER_EDU) return refused('It is for too many devices.');
    if (deliveries.some(({ json }) => isLongerThan(json, MAX_EVENT_BYTES))) return refused('A message is too long.');
    if (deliveries.length === 0) return ALLOWED;
    const [known] = await storage.read(selectReceivedToDevice, { origin, messageId });
    if (known === undefined) await this.#keep({ origin, messageId }, deliveries);
    return ALLOWED;
  }

  async #keep(key: { origin: string; messageId: string }, deliveries: readonly Delivery[]): Promise<void> {
    const { storage, platform, delivery } = this.#parts;
    const writing = storage.write((transaction) => {
      const row = { ...key, receivedTs: platform.clock.nowMs() };
      transaction.expect(insertReceivedToDevice, row, FRESH_EXPECTATION);
      this.#trim(transaction, key.origin);
      for (const one of deliveries) delivery.deliver(transaction, one);
    });
    await writing.catch((error) => {
      // The same message came twice at once.
      if (!(error instanceof ExpectationFailed) || error.expectation !== FRESH_EXPECTATION) throw error;
    });
  }

  #trim(transaction: WriteTransaction, origin: string): void {
    const untrimmed = (this.#untrimmed.get(origin) ?? REMEMBERED_SLACK) + 1;
    this.#untrimmed.set(origin, untrimmed > REMEMBERED_SLACK ? 0 : untrimmed);
    if (untrimmed > REMEMBERED_SLACK) transaction.run(trimReceivedToDevice, { origin, kept: MAX_REMEMBERED });
  }
}

interface ReceivedMessage {
  readonly sender: string;
  readonly type: string;
  readonly messageId: string;
  readonly messages: readonly (readonly [userId: string, contents: ContentsByDevice])[];
}

/** A text says what is wrong. */
function readMessage(origin: string, content: JsonObject): ReceivedMessage | string {
  const { type, message_id: messageId, messages } = content;
  const sender = asUserId(content.sender);
  if (sender === undefined || serverNameOf(sender) !== origin)
    return 'Its sender is no user of the server that sent it.';
  if (!isName(type)) return 'Its type must be a text of 255 bytes at most.';
  if (!isName(messageId)) return 'Its message_id must be a text of 255 bytes at most.';
  if (!isJsonObject(messages)) return 'Its messages must be an object.';
  const byUser = Object.entries(messages);
  if (!byUser.every(isContents)) return 'Its messages must be objects, by user and device.';
  if (canonicalText(messages, Number.MAX_SAFE_INTEGER) === undefined) return 'Its messages are no canonical JSON.';
  return { sender, type, messageId, messages: byUser };
}

/** The specification says 32 characters for the ID of a message; servers that use more are let be. */
function isName(value: JsonValue | undefined): value is string {
  const isShort = typeof value === 'string' && !isLongerThan(value, MAX_IDENTIFIER_BYTES);
  return isShort && value.isWellFormed() && !value.includes('\0');
}

function isContents(entry: [string, JsonValue]): entry is [string, Record<string, JsonObject>] {
  return isJsonObject(entry[1]) && Object.values(entry[1]).every(isJsonObject);
}
