import { isJsonObject, type JsonObject } from '@limpet/protocol/json';
import type { Clock } from '../../platform/clock.ts';
import type { Log } from '../../platform/log.ts';
import type { Random } from '../../platform/random.ts';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import type { OutgoingPdu } from './outgoing-events.ts';
import { transactionText } from './transaction-text.ts';

/** Servers take their time: they fetch what they lack before they answer. */
const TIMEOUT_MS = 60_000;
/** An answer names each PDU, with an error at most. */
const MAX_ANSWER_BYTES = 1_000_000;
const RUN_ID_BYTES = 6;
/** Single PDUs or EDUs that a server may refuse before it took one. */
const MAX_REFUSED_PIECES = 5;

/** Statuses that say that something about the transaction is wrong, and not about us. */
const FAULTS_OF_CONTENT: ReadonlySet<number | undefined> = new Set([400, 413]);

export interface Delivery {
  readonly destination: string;
  readonly pdus: readonly OutgoingPdu[];
  /** Whole EDUs. */
  readonly edus: readonly string[];
}

export interface DeliveryParts {
  readonly remoteServers: Pick<RemoteServers, 'request'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Our own. */
  readonly serverName: string;
}

/**
 * Sends transactions. Each has an ID of its own, one that is tried again too: since what it holds may have expired it
 * is made up anew, and under the old ID the server might answer that it knows it. Specification: server-server API,
 * "Transactions".
 */
export class TransactionDelivery {
  readonly #parts: DeliveryParts;
  readonly #run: string;
  #count = 0;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#run = Buffer.from(parts.random.bytes(RUN_ID_BYTES)).toString('base64url');
  }

  /**
   * Kept when the server has acknowledged it; gives the events that its answer does not name, which it may not have
   * looked at: one that is joining a room just now may drop what comes for it, and answer 200. Where the server finds
   * fault with something in it, the rest goes out without that: one bad piece must not hold up all that comes after it.
   * @throws RemoteServerError
   */
  async deliver(delivery: Delivery, signal: AbortSignal): Promise<ReadonlySet<string>> {
    const tally: Tally = { accepted: 0, refused: [], unnamed: new Set() };
    await this.#deliverPieces(delivery, signal, tally);
    const { refused } = tally;
    const [first] = refused;
    if (first === undefined) return tally.unnamed;
    if (tally.accepted === 0) throw first.error;
    const { destination } = delivery;
    const events = refused.flatMap(({ piece }) => piece.pdus.map((pdu) => pdu.eventId));
    const edus = refused.reduce((sum, { piece }) => sum + piece.edus.length, 0);
    this.#parts.log.warn('A server refuses something that it was sent; it will not be sent again', {
      destination,
      error: first.error.message,
      events,
      edus,
    });
    return tally.unnamed;
  }

  async #deliverPieces(delivery: Delivery, signal: AbortSignal, tally: Tally): Promise<void> {
    try {
      const named = await this.#send(delivery, signal);
      for (const { eventId } of delivery.pdus) if (!Object.hasOwn(named, eventId)) tally.unnamed.add(eventId);
      tally.accepted++;
    } catch (error) {
      if (!(error instanceof RemoteServerError) || !FAULTS_OF_CONTENT.has(error.status)) throw error;
      // A server that finds fault with everything does not want to hear of us.
      if (tally.accepted === 0 && tally.refused.length >= MAX_REFUSED_PIECES) throw error;
      const halves = halvesOf(delivery);
      if (halves === undefined) tally.refused.push({ piece: delivery, error });
      else for (const half of halves) await this.#deliverPieces(half, signal, tally);
    }
  }

  /** The `pdus` of the answer. */
  async #send({ destination, pdus, edus }: Delivery, signal: AbortSignal): Promise<JsonObject> {
    const { remoteServers, clock, serverName } = this.#parts;
    this.#count++;
    const answer = await remoteServers.request(destination, {
      method: 'PUT',
      path: `/_matrix/federation/v1/send/${this.#run}-${this.#count}`,
      body: transactionText({
        origin: serverName,
        originServerTs: clock.nowMs(),
        pdus: pdus.map((pdu) => pdu.text),
        edus,
      }),
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
      signal,
    });
    return isJsonObject(answer) && isJsonObject(answer.pdus) ? answer.pdus : {};
  }
}

interface Tally {
  accepted: number;
  readonly refused: Refusal[];
  readonly unnamed: Set<string>;
}

interface Refusal {
  readonly piece: Delivery;
  readonly error: RemoteServerError;
}

/** Two transactions in the place of one; `undefined` for one that has a single piece. */
function halvesOf({ destination, pdus, edus }: Delivery): readonly Delivery[] | undefined {
  if (pdus.length + edus.length < 2) return undefined;
  if (pdus.length > 0 && edus.length > 0) {
    return [
      { destination, pdus, edus: [] },
      { destination, pdus: [], edus },
    ];
  }
  const middle = Math.ceil((pdus.length + edus.length) / 2);
  return [
    { destination, pdus: pdus.slice(0, middle), edus: edus.slice(0, middle) },
    { destination, pdus: pdus.slice(middle), edus: edus.slice(middle) },
  ];
}
