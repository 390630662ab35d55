import { MatrixError } from '@limpet/protocol/matrix-error';
import { createCache } from '../../cache/create-cache.ts';
import { insertTransactionId, selectTransactionId } from '../../storage/queries/transaction-ids.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { Decision } from './room-actor.ts';
import type { RoomEvent } from './room-event.ts';

/** Transactions whose event ID is in memory. */
const MAX_RECENT = 50_000;
/** Devices that are known to repeat what is no longer in memory. */
const MAX_REPEATING_DEVICES = 10_000;

const FRESH_EXPECTATION = 'the transaction ID is new';

/** One request of one device. Specification: client-server API, "Transaction identifiers". */
export interface TransactionKey {
  readonly userId: string;
  readonly deviceId: string;
  /** Which endpoint, and what of its path counts: `send/!room:example.org/m.room.message`. */
  readonly scope: string;
  readonly transactionId: string;
}

/** Writes down, in the batch of an event, that the transaction was done by it. */
export type RecordTransaction = (transaction: WriteTransaction, event: RoomEvent) => void;

/** The same for a decision that sends one event. */
export function ofFirst(record: RecordTransaction | undefined): Decision['alongside'] {
  return record && ((transaction, [written]) => written !== undefined && record(transaction, written));
}

/**
 * Answers a repeated request with the event ID of the first one, also when both are under way at once and after a
 * restart (B2). A request that is new costs no read: its own batch finds out, and fails, if it is not. A device that
 * did this once is asked for by a read from then on, so that repeats cannot hold up a room.
 */
export class SentTransactions {
  readonly #storage: Storage;
  readonly #recent = createCache<string, Promise<string>>(MAX_RECENT);
  readonly #repeating = createCache<string, true>(MAX_REPEATING_DEVICES);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Does `send` unless it was done before; the event ID. `nowMs` is the wall clock. */
  once(key: TransactionKey, nowMs: number, send: (record: RecordTransaction) => Promise<string>): Promise<string> {
    // As JSON: what a client puts into types and IDs must not move where one ends.
    const text = JSON.stringify([key.userId, key.deviceId, key.scope, key.transactionId]);
    const known = this.#recent.get(text);
    if (known !== undefined) return known;
    const sending = this.#send(key, nowMs, send);
    this.#recent.set(text, sending);
    // A request that failed may be tried again under the same ID.
    sending.catch(() => {
      if (this.#recent.peek(text) === sending) this.#recent.delete(text);
    });
    return sending;
  }

  async #send(
    key: TransactionKey,
    nowMs: number,
    send: (record: RecordTransaction) => Promise<string>,
  ): Promise<string> {
    const device = `${key.userId}\0${key.deviceId}`;
    const before = this.#repeating.get(device) === true ? await this.#read(key) : undefined;
    if (before !== undefined) return before;
    try {
      return await send((transaction, event) => {
        const responseJson = JSON.stringify({ event_id: event.pdu.eventId });
        const row = { ...key, eventNid: event.nid, responseJson, createdTs: nowMs };
        transaction.expect(insertTransactionId, row, FRESH_EXPECTATION);
      });
    } catch (error) {
      const isRepeated = error instanceof ExpectationFailed && error.expectation === FRESH_EXPECTATION;
      // What was sent before may not be allowed a second time: then it is the first that counts.
      if (!isRepeated && !(error instanceof MatrixError)) throw error;
      const eventId = await this.#read(key);
      if (eventId === undefined) throw error;
      this.#repeating.set(device, true);
      return eventId;
    }
  }

  async #read({ userId, deviceId, scope, transactionId }: TransactionKey): Promise<string | undefined> {
    const [row] = await this.#storage.read(selectTransactionId, { userId, deviceId, scope, transactionId });
    return row === undefined ? undefined : (JSON.parse(row.response_json) as { event_id: string }).event_id;
  }
}
