import type { JsonObject } from '@limpet/protocol/json';
import { limitExceeded } from '@limpet/protocol/matrix-error';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../platform/clock.ts';
import type { EduDispatcher } from './edu-dispatcher.ts';
import type { Refused } from './inbound-parts.ts';
import type { Lane } from './lane.ts';
import { type ReadTransaction, readTransaction, type TransactionBody } from './read-transaction.ts';
import type { Intake } from './room-intake.ts';

/** Transactions that are taken at once. One more is refused as a whole (E6). */
const MAX_IN_FLIGHT = 200;
/** Of one server; honest ones wait for the answer before they send the next one, though some have several senders. */
const MAX_IN_FLIGHT_OF_ORIGIN = 4;
/** Results of PDUs, of all transactions together, that are kept for who did not get the answer: some 150 bytes each. */
const MAX_REMEMBERED_RESULTS = 100_000;
/** What a server is told to wait when there is too much to do. */
const RETRY_AFTER_MS = 10_000;

/** What is answered, by event ID; `{}` for a PDU that was taken. */
export type PduResults = Record<string, { error?: string }>;

export interface IncomingTransactionsParts {
  readonly clock: Clock;
  readonly edus: EduDispatcher;
  /** Takes the PDUs of one room. */
  readonly takeRoom: (lane: Lane, objects: readonly JsonObject[], receivedTs: number) => Promise<Intake>;
  /** Whether nothing is to be taken from this server now, of any room or of this one. */
  readonly isFull: (origin: string, roomIds: Iterable<string>) => boolean;
  readonly noteRefusals: (lane: { origin: string }, refusals: readonly Refused[], nameless: number) => void;
}

/**
 * Takes what other servers push. A transaction that is repeated is answered as before, and not processed again, for as
 * long as it is remembered; what is repeated later does no harm, as events are known by their IDs.
 * Specification: server-server API, "Transactions".
 */
export class IncomingTransactions {
  readonly #parts: IncomingTransactionsParts;
  readonly #answers = new LRUCache<string, PduResults>({
    maxSize: MAX_REMEMBERED_RESULTS,
    sizeCalculation: (results) => Object.keys(results).length + 1,
  });
  readonly #inFlight = new Map<string, Promise<PduResults>>();
  readonly #inFlightOf = new Map<string, number>();

  constructor(parts: IncomingTransactionsParts) {
    this.#parts = parts;
  }

  /** Throws M_LIMIT_EXCEEDED, with nothing kept, when there is too much to do (E6). */
  async take(origin: string, transactionId: string, body: TransactionBody): Promise<PduResults> {
    const key = `${origin}\0${transactionId}`;
    const known = this.#answers.get(key) ?? this.#inFlight.get(key);
    if (known !== undefined) return known;
    const transaction = readTransaction(origin, body);
    const byRoom = groupByRoom(transaction.pdus);
    const ofOrigin = this.#inFlightOf.get(origin) ?? 0;
    const isTooMuch = this.#inFlight.size >= MAX_IN_FLIGHT || ofOrigin >= MAX_IN_FLIGHT_OF_ORIGIN;
    if (isTooMuch || this.#parts.isFull(origin, byRoom.keys())) {
      throw limitExceeded('This server has too much to do. Send the transaction again later.', RETRY_AFTER_MS);
    }
    this.#inFlightOf.set(origin, ofOrigin + 1);
    const taking = this.#process(origin, transaction, byRoom);
    this.#inFlight.set(key, taking);
    try {
      const results = await taking;
      this.#answers.set(key, results);
      return results;
    } finally {
      this.#inFlight.delete(key);
      this.#leave(origin);
    }
  }

  /** Kept when none is under way. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#inFlight.values());
  }

  #leave(origin: string): void {
    const left = (this.#inFlightOf.get(origin) ?? 1) - 1;
    if (left === 0) this.#inFlightOf.delete(origin);
    else this.#inFlightOf.set(origin, left);
  }

  async #process(
    origin: string,
    transaction: ReadTransaction,
    byRoom: ReadonlyMap<string, readonly JsonObject[]>,
  ): Promise<PduResults> {
    const receivedTs = this.#parts.clock.nowMs();
    const dispatching = this.#parts.edus.dispatch(origin, transaction.edus);
    const rooms = [...byRoom].map(([roomId, objects]) => this.#parts.takeRoom({ roomId, origin }, objects, receivedTs));
    // All of them have ended before one that failed is answered, so that the repetition meets no work of this one.
    const settled = await Promise.allSettled([...rooms, dispatching]);
    const failed = settled.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const intakes = await Promise.all(rooms);
    const refused = intakes.flatMap((intake) => intake.refused);
    this.#parts.noteRefusals({ origin }, refused, transaction.nameless);
    return Object.fromEntries([
      ...intakes.flatMap((intake) => intake.taken.map((eventId) => [eventId, {}] as const)),
      ...refused.map(({ eventId, reason }) => [eventId, { error: reason }] as const),
    ]);
  }
}

/** Those without a room are together under ''. */
function groupByRoom(pdus: readonly JsonObject[]): Map<string, JsonObject[]> {
  const byRoom = new Map<string, JsonObject[]>();
  for (const pdu of pdus) {
    const roomId = typeof pdu.room_id === 'string' ? pdu.room_id : '';
    const known = byRoom.get(roomId);
    if (known === undefined) byRoom.set(roomId, [pdu]);
    else known.push(pdu);
  }
  return byRoom;
}
