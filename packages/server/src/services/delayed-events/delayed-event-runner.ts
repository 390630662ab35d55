import type { Platform } from '../../platform/platform.ts';
import type { ScheduledEventRow } from '../../storage/queries/delayed-events.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { Sending } from '../rooms/sending.ts';
import { type DelayedEventRecords, isAlreadyFinalised } from './delayed-event-records.ts';
import { DelayedEventSender } from './delayed-event-sender.ts';
import {
  type DelayedEventAction,
  type DelayedEventEffect,
  type DelayedEventInput,
  type SendReason,
  stepDelayedEvent,
} from './delayed-event-state.ts';
import { type ScheduledEvent, ScheduledEvents } from './scheduled-events.ts';
import { errorBodyOf, readSendingFailure, type SendingFailure } from './sending-failure.ts';
import { type Pace, SendingPace } from './sending-pace.ts';

/** Due events that are on their way into rooms at once. After a time without the server many are due together. */
const MAX_SENDING = 100;
/** Of these, those of one user: what he sends to servers that do not answer must not hold up the others. */
const MAX_SENDING_OF_USER = 20;
/** Said to who may schedule no more, where nothing of his own tells when there is room again. */
const USUAL_RETRY_AFTER_MS = 60_000;

export interface DelayedEventRunnerParts {
  readonly platform: Platform;
  readonly records: DelayedEventRecords;
  readonly sending: Sending;
  readonly events: EventStore;
  readonly pace: Pace;
}

/** Lets delayed events run: takes what happens to each through its states, and does what comes of it. */
export class DelayedEventRunner {
  readonly #parts: DelayedEventRunnerParts;
  readonly #sender: DelayedEventSender;
  readonly #pace: SendingPace;
  readonly #scheduled: ScheduledEvents;
  /** Due, and waiting for others that are on their way. */
  readonly #waiting = new Set<ScheduledEvent>();
  readonly #underWay = new Set<Promise<void>>();
  /** How many are on their way, by user. */
  readonly #sending = new Map<string, number>();
  #sendingCount = 0;

  constructor(parts: DelayedEventRunnerParts) {
    this.#parts = parts;
    this.#sender = new DelayedEventSender({ ...parts, clock: parts.platform.clock });
    this.#pace = new SendingPace(parts.pace);
    this.#scheduled = new ScheduledEvents(parts.platform, (event) => this.#onDue(event));
  }

  get size(): number {
    return this.#scheduled.size;
  }

  get(delayId: string): ScheduledEvent | undefined {
    return this.#scheduled.get(delayId);
  }

  ofUser(userId: string): ReadonlySet<ScheduledEvent> {
    return this.#scheduled.ofUser(userId);
  }

  async start(): Promise<void> {
    for await (const rows of this.#parts.records.scheduled()) {
      for (const row of rows) this.takeUp(row);
    }
    this.#scheduled.run();
  }

  async stop(): Promise<void> {
    this.#scheduled.stop();
    this.#waiting.clear();
    await Promise.all(this.#underWay);
  }

  /** Begins to wait for one that is on disk. One that is waited for already is left alone. */
  add(event: Pick<ScheduledEvent, 'nid' | 'delayId' | 'userId' | 'delayMs'>, dueMs: number): void {
    const state = { name: 'scheduled', dueMs } as const;
    this.#scheduled.add({
      ...event,
      state,
      isPaced: false,
      underWay: Promise.resolve(),
      queueMs: dueMs,
      queueIndex: -1,
    });
  }

  /** `wait`: to be asked again once what is under way has ended. Throws why it could not be done. */
  async act(event: ScheduledEvent, action: DelayedEventAction): Promise<'done' | 'conflict' | 'wait'> {
    const input = action === 'restart' ? { kind: action, delayMs: event.delayMs } : { kind: action };
    const effect = this.#step(event, input);
    switch (effect) {
      case 'save-restart':
        event.isPaced = false;
        await this.#parts.records.restart(event.nid, this.#parts.platform.clock.nowMs(), event.delayMs);
        return 'done';
      case 'send':
        await this.#begin(event, () => this.#send(event, 'action'));
        return 'done';
      case 'save-outcome':
        await this.#begin(event, () => this.#close(event, { reason: 'action' }));
        return 'done';
      case 'wait':
      case 'conflict':
        return effect;
      default:
        return 'done';
    }
  }

  /** Their rows are gone. */
  forgetUser(userId: string): void {
    for (const event of [...this.#scheduled.ofUser(userId)]) {
      event.state = { name: 'finalised', outcome: 'cancelled' };
      this.#waiting.delete(event);
      this.#scheduled.place(event);
    }
  }

  /** In how many milliseconds the user's next one is sent. */
  nextSendMs(userId: string): number {
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const due = [...this.ofUser(userId)].map((event) => event.queueMs);
    return due.length === 0 ? USUAL_RETRY_AFTER_MS : Math.max(1_000, Math.ceil(Math.min(...due) - nowMs));
  }

  /**
   * Begins to wait for one that is on disk and was scheduled before, by a process that is gone or a request that failed
   * when all was done. Never longer than its whole delay, whatever became of the wall clock meanwhile.
   */
  takeUp(row: ScheduledEventRow): void {
    const nowMs = this.#parts.platform.clock.nowMs();
    const { delayed_nid: nid, delay_id: delayId, user_id: userId, delay_ms: delayMs } = row;
    const leftMs = Math.min(delayMs, Math.max(0, row.send_ts - nowMs));
    this.add({ nid, delayId, userId, delayMs }, this.#parts.platform.clock.monotonicMs() + leftMs);
  }

  #onDue(event: ScheduledEvent): void {
    if (!event.isPaced) {
      event.isPaced = true;
      const nowMs = this.#parts.platform.clock.monotonicMs();
      const delayMs = this.#pace.delayOf(event.userId, nowMs);
      if (delayMs > 0) {
        this.#step(event, { kind: 'hold', untilMs: nowMs + delayMs });
        return;
      }
    }
    this.#waiting.add(event);
    this.#sendWaiting();
  }

  /**
   * The oldest first, those of users who have enough on the way left out. One that was restarted or cancelled while it
   * waited here is not due any more.
   */
  #sendWaiting(): void {
    for (const event of this.#waiting) {
      if (this.#sendingCount >= MAX_SENDING) return;
      if ((this.#sending.get(event.userId) ?? 0) >= MAX_SENDING_OF_USER) continue;
      this.#waiting.delete(event);
      if (this.#step(event, { kind: 'due' }) !== 'send') continue;
      this.#countSending(event.userId, 1);
      const sending = this.#begin(event, () => this.#send(event, 'delay'));
      // What it throws was for who asked, and nobody did.
      const ended = sending
        .catch((error) => this.#warn(event, error))
        .then(() => {
          this.#countSending(event.userId, -1);
          this.#sendWaiting();
        });
      this.#keep(ended);
    }
  }

  #countSending(userId: string, change: 1 | -1): void {
    this.#sendingCount += change;
    const count = (this.#sending.get(userId) ?? 0) + change;
    if (count === 0) this.#sending.delete(userId);
    else this.#sending.set(userId, count);
  }

  /** Marks what is done as under way, for actions that have to wait for it and for who stops. */
  #begin(event: ScheduledEvent, work: () => Promise<void>): Promise<void> {
    const done = work();
    event.underWay = done.catch(() => undefined);
    this.#keep(event.underWay);
    return done;
  }

  #keep(work: Promise<void>): void {
    this.#underWay.add(work);
    work.then(() => this.#underWay.delete(work));
  }

  /** Throws where it failed and somebody asked for it. */
  async #send(event: ScheduledEvent, reason: SendReason): Promise<void> {
    const failures = event.state.name === 'sending' ? event.state.failures : 0;
    try {
      await this.#sender.send(event, reason);
    } catch (error) {
      if (!isAlreadyFinalised(error)) {
        await this.#sendingFailed(event, readSendingFailure(error, failures));
        return;
      }
    }
    this.#step(event, { kind: 'sent' });
  }

  async #sendingFailed(event: ScheduledEvent, failure: SendingFailure): Promise<void> {
    const input = failure.kind === 'refused' ? failure : this.#failedInput(failure.retryAfterMs);
    const effect = this.#step(event, input);
    if (effect === 'report') throw failure.error;
    if (effect === 'save-outcome' && failure.kind === 'refused') {
      await this.#close(event, { reason: 'delay', error: errorBodyOf(failure.error) });
    } else if (effect === undefined) {
      this.#warn(event, failure.error);
    }
  }

  /** Writes down that it will not be sent. Throws where that failed and somebody asked for it. */
  async #close(
    event: ScheduledEvent,
    { reason, error }: { reason: SendReason; error?: ReturnType<typeof errorBodyOf> },
  ): Promise<void> {
    const { nid, userId, state } = event;
    const outcome = state.name === 'closing' ? state.outcome : 'cancelled';
    const finalisedTs = this.#parts.platform.clock.nowMs();
    try {
      await this.#parts.records.finalise({ nid, userId, outcome, reason, finalisedTs, error });
    } catch (failure) {
      if (!isAlreadyFinalised(failure)) {
        const effect = this.#step(event, this.#failedInput(undefined));
        if (effect === 'report') throw failure;
        this.#warn(event, failure);
        return;
      }
    }
    this.#step(event, { kind: 'closed' });
  }

  #failedInput(retryAfterMs: number | undefined): DelayedEventInput {
    const [byte = 0] = this.#parts.platform.random.bytes(1);
    return { kind: 'failed', chance: byte / 256, retryAfterMs };
  }

  #step(event: ScheduledEvent, input: DelayedEventInput): DelayedEventEffect | undefined {
    const { state, effect } = stepDelayedEvent(event.state, input, this.#parts.platform.clock.monotonicMs());
    if (state !== event.state) {
      event.state = state;
      this.#scheduled.place(event);
    }
    return effect;
  }

  /** The delay ID stays out of the log: who has it may be allowed to manage the event. */
  #warn({ nid, userId }: ScheduledEvent, error: unknown): void {
    this.#parts.platform.log.warn('A delayed event could not be sent; trying again', { nid, userId, error });
  }
}
