import { checkCanonicalJson } from '@limpet/protocol/check-canonical-json';
import { isLongerThan, MAX_IDENTIFIER_BYTES, parseUserId, type ServerName } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { insertTransactionId } from '../../storage/queries/transaction-ids.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import { type OutgoingEdu, queueEdu } from '../remote-servers/outgoing-edus.ts';
import type { DeviceAddress } from './encryption-reader.ts';
import { type SplitByServer, splitByServer } from './split-by-server.ts';
import type { ContentsByDevice, Delivery, ToDeviceDelivery } from './to-device-delivery.ts';
import { toDeviceEdus } from './to-device-edus.ts';

/** Largest message: what fits into one EDU of federation with its envelope. */
const MAX_MESSAGE_BYTES = 60_000;
/** Messages that one request may make, `*` counted as the devices that it stands for. */
const MAX_MESSAGES_PER_REQUEST = 2_000;
/** Chance in the ID of a message for another server; as text 22 of the 32 characters that it may have. */
const MESSAGE_ID_BYTES = 16;

const FRESH_EXPECTATION = 'the transaction ID is new';

/** One request of a client. */
export interface ToDeviceRequest {
  readonly sender: DeviceAddress;
  readonly type: string;
  readonly transactionId: string;
  /** By user, by device or `*`: contents. */
  readonly messages: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
}

export interface ToDeviceParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly isFederated: boolean;
  readonly delivery: ToDeviceDelivery;
}

/** Takes messages for devices. Specification: client-server API, "Send-to-Device messaging". */
export class ToDeviceSending {
  readonly #parts: ToDeviceParts;

  constructor(parts: ToDeviceParts) {
    this.#parts = parts;
  }

  /**
   * Queues the messages, all or none, once per transaction ID. Devices that do not exist are passed over. Throws
   * M_INVALID_PARAM for what is no user ID, M_TOO_LARGE for too large a message or too many of them (`*` of another
   * server's user is one), M_BAD_JSON for numbers that cannot be sent to another server.
   */
  async send(request: ToDeviceRequest): Promise<void> {
    if (isLongerThan(request.type, MAX_IDENTIFIER_BYTES)) {
      throw new MatrixError('M_INVALID_PARAM', `The event type may have ${MAX_IDENTIFIER_BYTES} bytes at most.`);
    }
    for (const userId of Object.keys(request.messages)) parseUserId(userId);
    const { delivery, serverName } = this.#parts;
    const { local, remote } = splitByServer(request.messages, serverName);
    const deliveries = await delivery.address(local, (content) => messageText(request, content));
    const elsewhere = [...remote.values()].flat();
    for (const [, contents] of elsewhere) checkElsewhere(request, contents);
    const count = elsewhere.reduce((sum, [, contents]) => sum + Object.keys(contents).length, deliveries.length);
    if (count > MAX_MESSAGES_PER_REQUEST) {
      const text = `One request may send ${MAX_MESSAGES_PER_REQUEST} messages, this one would be ${count}.`;
      throw new MatrixError('M_TOO_LARGE', text);
    }
    const edus = this.#outgoing(request, remote);
    if (deliveries.length > 0 || edus.length > 0) await this.#queue(request, deliveries, edus);
  }

  /** What goes to other servers. Each gets its part in EDUs that wait until it has them, however long that takes. */
  #outgoing(request: ToDeviceRequest, remote: SplitByServer<ContentsByDevice>['remote']): OutgoingEdu[] {
    if (remote.size === 0) return [];
    const { platform, isFederated } = this.#parts;
    if (!isFederated) {
      platform.log.debug('Messages for devices of other servers were dropped: federation is off', {
        servers: [...remote.keys()],
      });
      return [];
    }
    const nowMs = platform.clock.nowMs();
    const newMessageId = () => Buffer.from(platform.random.bytes(MESSAGE_ID_BYTES)).toString('base64url');
    const { type, sender } = request;
    return [...remote].flatMap(([serverName, messages]) =>
      toDeviceEdus({ sender: sender.userId, type, messages }, newMessageId).map((contentJson) => {
        return { serverName, type: 'm.direct_to_device', contentJson, nowMs };
      }),
    );
  }

  async #queue(request: ToDeviceRequest, deliveries: readonly Delivery[], edus: readonly OutgoingEdu[]): Promise<void> {
    const { storage, platform, delivery } = this.#parts;
    const { type, transactionId } = request;
    const { userId, deviceId } = request.sender;
    const scope = `sendToDevice/${type}`;
    const writing = storage.write((transaction) => {
      const answer = { eventNid: null, responseJson: '{}', createdTs: platform.clock.nowMs() };
      const row = { userId, deviceId, scope, transactionId, ...answer };
      transaction.expect(insertTransactionId, row, FRESH_EXPECTATION);
      for (const one of deliveries) delivery.deliver(transaction, one);
      for (const edu of edus) queueEdu(transaction, edu);
    });
    await writing.catch((error) => {
      // A repeated request: the first one did it.
      if (!(error instanceof ExpectationFailed) || error.expectation !== FRESH_EXPECTATION) throw error;
    });
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

/** What goes to another server is signed with the request that carries it, so it has to be canonical JSON. */
function checkElsewhere(request: ToDeviceRequest, contents: ContentsByDevice): void {
  for (const [deviceId, content] of Object.entries(contents)) {
    messageText(request, content);
    const isName = deviceId.isWellFormed() && !isLongerThan(deviceId, MAX_IDENTIFIER_BYTES);
    if (!isName)
      throw new MatrixError('M_INVALID_PARAM', `A device ID may have ${MAX_IDENTIFIER_BYTES} bytes at most.`);
    const verdict = checkCanonicalJson(content, { requiresCanonicalJson: true });
    if (!verdict.allowed) throw new MatrixError('M_BAD_JSON', verdict.reason);
  }
}
