import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Clock } from '../../platform/clock.ts';
import { accountLocked } from '../accounts/account-locked.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { InviteAttempt } from '../rooms/joining/remote-invites.ts';
import type { Sending } from '../rooms/sending.ts';
import type { RecordTransaction } from '../rooms/sent-transactions.ts';
import type { DelayedEventRecords } from './delayed-event-records.ts';
import type { SendReason } from './delayed-event-state.ts';
import type { ScheduledEvent } from './scheduled-events.ts';

export interface DelayedEventSenderParts {
  readonly records: Pick<DelayedEventRecords, 'contentOf' | 'keepAttempt' | 'writeSent' | 'writeSentNow'>;
  readonly sending: Pick<Sending, 'sendEvent' | 'setState'>;
  readonly events: Pick<EventStore, 'byIds'>;
  readonly clock: Clock;
}

/**
 * Sends what is due the way that clients send: power levels, policy servers and stickiness are those of now. That it
 * was sent is in the batch of the event, so a crash at any moment sends it once (G3).
 */
export class DelayedEventSender {
  readonly #parts: DelayedEventSenderParts;
  /** Kept when the one before has gone to its room, or will not. */
  #gone: Promise<void> = Promise.resolve();

  constructor(parts: DelayedEventSenderParts) {
    this.#parts = parts;
  }

  /**
   * What is given here first goes to its room first, however long it takes to read. Throws as `Sending` does, and what
   * `isAlreadyFinalised` tells.
   */
  async send(scheduled: ScheduledEvent, reason: SendReason): Promise<void> {
    const before = this.#gone;
    const { promise, resolve: goneOn } = Promise.withResolvers<void>();
    this.#gone = promise;
    try {
      const [row] = await Promise.all([this.#parts.records.contentOf(scheduled.nid), before]);
      // Its user's account has ended meanwhile.
      if (row === undefined) return;
      checkStanding(row);
      const sent = this.#sendRow(row, scheduled, reason);
      goneOn();
      await sent;
    } finally {
      // One that cannot be read lets nobody past those before it.
      before.then(goneOn);
    }
  }

  async #sendRow(row: DelayedContent, { nid, delayId, userId }: ScheduledEvent, reason: SendReason): Promise<void> {
    const { records, sending, events, clock } = this.#parts;
    const { room_id: roomId, type, state_key: stateKey } = row;
    let isRecorded = false;
    const endingOf = (eventId: string) =>
      ({ nid, userId, outcome: 'sent', reason, finalisedTs: clock.nowMs(), eventId }) as const;
    const alongside: RecordTransaction = (transaction, event) => {
      isRecorded = true;
      records.writeSent(transaction, endingOf(event.pdu.eventId), { delayId, eventNid: event.nid });
    };
    const content = JSON.parse(row.content_json) as JsonObject;
    const extraTopLevel = row.top_level_json === null ? undefined : (JSON.parse(row.top_level_json) as JsonObject);
    const event = { sender: { userId }, roomId, type, content, extraTopLevel, alongside };
    const attempt: InviteAttempt = {
      before: row.attempt_json ?? undefined,
      keep: (canonicalJson) => records.keepAttempt(nid, canonicalJson),
    };
    const eventId = await (stateKey === null
      ? sending.sendEvent(event)
      : sending.setState({ ...event, stateKey, attempt }));
    if (isRecorded) return;
    // An invite of a user of another server came back from there as an event of another batch. After a crash between
    // the two it is found by its ID.
    const eventNid = (await events.byIds([eventId])).get(eventId)?.nid;
    if (eventNid === undefined) throw new Error(`The event ${eventId} was sent and is not there`);
    await records.writeSentNow(endingOf(eventId), { delayId, eventNid });
  }
}

type DelayedContent = NonNullable<Awaited<ReturnType<DelayedEventRecords['contentOf']>>>;

/** What a user may not send now is not sent for him either, whoever scheduled it when. */
function checkStanding(user: { is_deactivated: number; is_locked: number; is_suspended: number }): void {
  // It was scheduled as the account ended, or the server died before it had forgotten it.
  if (user.is_deactivated === 1) throw new MatrixError('M_USER_DEACTIVATED', 'The account had ended when it was due.');
  if (user.is_locked === 1) throw accountLocked();
  if (user.is_suspended === 1) throw new MatrixError('M_USER_SUSPENDED', 'The account was suspended when it was due.');
}
