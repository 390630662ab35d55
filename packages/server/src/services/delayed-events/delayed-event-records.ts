import type { JsonObject } from '@limpet/protocol/json';
import { createCache } from '../../cache/create-cache.ts';
import {
  deleteDelayedEventsOfUser,
  deleteSurplusFinalised,
  insertDelayedEvent,
  insertDelayIdOfEvent,
  type ScheduledEventRow,
  selectDelayedContent,
  selectDelayedEvent,
  selectDelayIdOfTransaction,
  selectScheduledEvent,
  selectScheduledEvents,
  updateAttempt,
  updateFinalised,
  updateRestarted,
} from '../../storage/queries/delayed-events.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import { type DelayedEvent, type EventToDelay, readDelayedEvent } from './delayed-event.ts';
import type { Outcome, SendReason } from './delayed-event-state.ts';

/** Finalised delayed events that a user can look up; the oldest go first. */
const MAX_FINALISED_OF_USER = 1_000;
/** After so many more the surplus is looked for. */
const TRIM_EVERY = 100;
/** Removed in one batch, so that no writer waits. */
const MAX_TRIMMED = 500;
/** Users whose finalised events are counted. */
const MAX_COUNTED_USERS = 10_000;
/** Rows read at once at the start. */
const PAGE = 5_000;

const FRESH_EXPECTATION = 'the transaction ID is new';
const SCHEDULED_EXPECTATION = 'the delayed event is scheduled';

/** What is to be written of a delayed event that ends. */
export interface Ending {
  readonly nid: number;
  readonly userId: string;
  readonly outcome: Outcome;
  readonly reason: SendReason;
  readonly finalisedTs: number;
  readonly eventId?: string;
  readonly error?: JsonObject | undefined;
}

/** Delayed events in the database. */
export class DelayedEventRecords {
  readonly #storage: Storage;
  /** How many of a user's were finalised since the surplus was looked for. */
  readonly #untrimmed = createCache<string, number>(MAX_COUNTED_USERS);

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** The row's number once it is on disk; `undefined` where the device has used the transaction ID already. */
  async insert(event: EventToDelay, { delayId, sinceTs }: { delayId: string; sinceTs: number }) {
    const { userId, deviceId, transaction: sent, roomId, type, delayMs, extraTopLevel } = event;
    try {
      const { value } = await this.#storage.write((transaction) => {
        const delayedNid = transaction.allocate();
        const row = {
          delayedNid,
          delayId,
          userId,
          deviceId: sent === undefined ? null : deviceId,
          scope: sent?.scope ?? null,
          transactionId: sent?.id ?? null,
          roomId,
          type,
          stateKey: event.stateKey ?? null,
          contentJson: JSON.stringify(event.content),
          topLevelJson: extraTopLevel === undefined ? null : JSON.stringify(extraTopLevel),
          delayMs,
          sinceTs,
          sendTs: sinceTs + delayMs,
        };
        transaction.expect(insertDelayedEvent, row, FRESH_EXPECTATION);
        return delayedNid;
      });
      return value;
    } catch (error) {
      if (error instanceof ExpectationFailed && error.expectation === FRESH_EXPECTATION) return undefined;
      throw error;
    }
  }

  /** The delay ID that a request of this device was answered with. */
  async ofTransaction({ userId, deviceId, transaction }: EventToDelay): Promise<string | undefined> {
    if (transaction === undefined) return undefined;
    const key = { userId, deviceId, scope: transaction.scope, transactionId: transaction.id };
    const [row] = await this.#storage.read(selectDelayIdOfTransaction, key);
    return row?.delay_id;
  }

  async find(delayId: string): Promise<DelayedEvent | undefined> {
    // No database can be asked for broken Unicode; nor is it in one.
    if (!delayId.isWellFormed()) return undefined;
    const [row] = await this.#storage.read(selectDelayedEvent, { delayId });
    return row === undefined ? undefined : readDelayedEvent(row);
  }

  /** `undefined` where there is none, or it is finalised. */
  async findScheduled(delayId: string): Promise<ScheduledEventRow | undefined> {
    const [row] = await this.#storage.read(selectScheduledEvent, { delayId });
    return row;
  }

  async contentOf(delayedNid: number) {
    const [row] = await this.#storage.read(selectDelayedContent, { delayedNid });
    return row;
  }

  /** All that are scheduled, page by page. */
  async *scheduled(): AsyncGenerator<readonly ScheduledEventRow[]> {
    for (let after = 0; ; ) {
      const rows = await this.#storage.read(selectScheduledEvents, { after, limit: PAGE });
      yield rows;
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE) return;
      after = last.delayed_nid;
    }
  }

  /** Keeps the event that is made of a delayed one before it is in the room: whoever tries again sends the same. */
  async keepAttempt(delayedNid: number, attemptJson: string): Promise<void> {
    const row = { delayedNid, attemptJson };
    await this.#storage.write((transaction) => transaction.expect(updateAttempt, row, SCHEDULED_EXPECTATION));
  }

  async restart(delayedNid: number, sinceTs: number, delayMs: number): Promise<void> {
    const row = { delayedNid, sinceTs, sendTs: sinceTs + delayMs };
    await this.#storage.write((transaction) => transaction.run(updateRestarted, row));
  }

  /** Throws what `isAlreadyFinalised` tells where it is finalised already. */
  async finalise(ending: Ending): Promise<void> {
    await this.#storage.write((transaction) => this.writeEnding(transaction, ending));
  }

  /** Adds the end of a delayed event to a batch; the batch fails where it is finalised already. */
  writeEnding(transaction: WriteTransaction, ending: Ending): void {
    const { nid: delayedNid, userId, outcome: status, reason, finalisedTs, eventId = null, error } = ending;
    const errorJson = error === undefined ? null : JSON.stringify(error);
    const row = { delayedNid, status, reason, finalisedTs, eventId, errorJson };
    transaction.expect(updateFinalised, row, SCHEDULED_EXPECTATION);
    const untrimmed = (this.#untrimmed.get(userId) ?? TRIM_EVERY) + 1;
    this.#untrimmed.set(userId, untrimmed > TRIM_EVERY ? 0 : untrimmed);
    if (untrimmed <= TRIM_EVERY) return;
    transaction.run(deleteSurplusFinalised, { userId, kept: MAX_FINALISED_OF_USER, limit: MAX_TRIMMED });
  }

  /** The same for one that was sent, with the event that it became. */
  writeSent(
    transaction: WriteTransaction,
    ending: Ending,
    { delayId, eventNid }: { delayId: string; eventNid: number },
  ): void {
    this.writeEnding(transaction, ending);
    transaction.run(insertDelayIdOfEvent, { eventNid, delayId });
  }

  async writeSentNow(ending: Ending, sent: { delayId: string; eventNid: number }): Promise<void> {
    await this.#storage.write((transaction) => this.writeSent(transaction, ending, sent));
  }

  async deleteOfUser(userId: string): Promise<void> {
    await this.#storage.write((transaction) => transaction.run(deleteDelayedEventsOfUser, { userId }));
  }
}

export function isAlreadyFinalised(error: unknown): boolean {
  return error instanceof ExpectationFailed && error.expectation === SCHEDULED_EXPECTATION;
}
