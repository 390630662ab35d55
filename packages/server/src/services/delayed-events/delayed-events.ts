import { checkCanonicalJson } from '@limpet/protocol/check-canonical-json';
import { checkFieldSizes, MAX_EVENT_BYTES } from '@limpet/protocol/event-size';
import { utf8Length } from '@limpet/protocol/identifiers';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import type { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { Sending } from '../rooms/sending.ts';
import type { DelayedEvent, EventToDelay } from './delayed-event.ts';
import { type DelayedEventsPage, type DelayedEventsWanted, listDelayedEvents } from './delayed-event-list.ts';
import { DelayedEventRecords } from './delayed-event-records.ts';
import { DelayedEventRunner } from './delayed-event-runner.ts';
import { type DelayedEventAction, stepDelayedEvent } from './delayed-event-state.ts';
import { createDelayedEventSweeper } from './delayed-event-sweeper.ts';
import type { Pace } from './sending-pace.ts';

/** Delayed events that are scheduled at once on the whole server. Some 500 bytes of memory each. */
const MAX_SCHEDULED = 200_000;
/** How often an action waits for what is under way before it. */
const MAX_WAITS = 10;
const DELAY_ID_BYTES = 16;

export interface DelayedEventLimits extends Pace {
  readonly maxDelayMs: number;
  /** Scheduled at once by one user. */
  readonly maxScheduled: number;
}

export interface DelayedEventsParts {
  readonly storage: Storage;
  readonly platform: Platform;
  readonly sending: Sending;
  readonly events: EventStore;
  readonly limits: DelayedEventLimits;
}

/** Whose delayed events may be managed: those of one user, or, with the delay ID alone, anybody's (G6). */
export type Manager = { readonly userId: string } | 'bearer';

/** `conflict`: it was finalised another way. */
export type ActionOutcome = 'done' | 'conflict';

/**
 * Events that are sent later, unless their owner puts that off or takes it back: so that a client that vanishes leaves
 * a call. Specification: MSC4140, "Cancellable delayed events".
 */
export class DelayedEvents {
  readonly #parts: DelayedEventsParts;
  readonly #records: DelayedEventRecords;
  readonly #runner: DelayedEventRunner;
  readonly #sweeper: RowSweeper;
  /** How many of a user's are being written for the first time. */
  readonly #beingScheduled = new Map<string, number>();

  constructor(parts: DelayedEventsParts) {
    const { storage, platform, limits } = parts;
    this.#parts = parts;
    this.#records = new DelayedEventRecords(storage);
    this.#runner = new DelayedEventRunner({ ...parts, records: this.#records, pace: limits });
    this.#sweeper = createDelayedEventSweeper(platform, storage);
  }

  get limits(): DelayedEventLimits {
    return this.#parts.limits;
  }

  /** Takes up what is on disk; what fell due meanwhile goes out now. */
  async start(): Promise<void> {
    await this.#runner.start();
    this.#sweeper.start();
  }

  /** Ends what is under way; what is scheduled stays on disk. */
  async stop(): Promise<void> {
    await this.#sweeper.stop();
    await this.#runner.stop();
  }

  /**
   * The delay ID, once it is on disk. The same transaction of the same device gives the same one again. Throws
   * M_LIMIT_EXCEEDED where the user, or the server, has too many scheduled, M_TOO_LARGE and M_BAD_JSON for what could
   * never be an event of the room. Whether the room will take it is seen when it is sent.
   */
  async schedule(event: EventToDelay): Promise<string> {
    await this.#checkEvent(event);
    const { userId, delayMs } = event;
    const before = this.#isFull(userId) ? await this.#records.ofTransaction(event) : undefined;
    if (before !== undefined) return before;
    this.#checkRoomFor(userId);
    const { clock, random } = this.#parts.platform;
    const delayId = Buffer.from(random.bytes(DELAY_ID_BYTES)).toString('base64url');
    const sinceTs = clock.nowMs();
    const dueMs = clock.monotonicMs() + delayMs;
    this.#countBeingScheduled(userId, 1);
    try {
      const nid = await this.#records.insert(event, { delayId, sinceTs });
      if (nid !== undefined) {
        this.#runner.add({ nid, delayId, userId, delayMs }, dueMs);
        return delayId;
      }
    } finally {
      this.#countBeingScheduled(userId, -1);
    }
    const known = await this.#records.ofTransaction(event);
    if (known === undefined)
      throw limitExceeded('The delayed event of this transaction was just forgotten. Try again.');
    await this.#takeUp(known);
    return known;
  }

  /**
   * Restarts, sends or cancels. Throws M_NOT_FOUND where the manager has no such delayed event, and, where it was to be
   * sent and could not, what sending it threw: it stays scheduled then.
   */
  async act(delayId: string, action: DelayedEventAction, manager: Manager): Promise<ActionOutcome> {
    for (let round = 0; round < MAX_WAITS; round++) {
      const event = this.#runner.get(delayId);
      if (event === undefined) {
        const outcome = await this.#actOnFinalised(delayId, action, manager);
        if (outcome !== undefined) return outcome;
        continue;
      }
      if (!isManagedBy(event.userId, manager)) throw unknownDelayedEvent();
      const outcome = await this.#runner.act(event, action);
      if (outcome !== 'wait') return outcome;
      await event.underWay;
    }
    throw limitExceeded('The event is being sent just now. Try again.');
  }

  /** Throws M_NOT_FOUND where the user has no such delayed event. */
  async find(delayId: string, userId: string): Promise<DelayedEvent> {
    const event = await this.#records.find(delayId);
    if (event?.userId !== userId) throw unknownDelayedEvent();
    return event;
  }

  /** A page of what a user has scheduled, or had. Throws M_INVALID_PARAM where `from` is none of ours. */
  list(wanted: DelayedEventsWanted): Promise<DelayedEventsPage> {
    return listDelayedEvents(this.#parts.storage, wanted);
  }

  /** Forgets all delayed events of an account that ended; what is scheduled is not sent. */
  async forgetUser(userId: string): Promise<void> {
    await this.#records.deleteOfUser(userId);
    this.#runner.forgetUser(userId);
  }

  /** `undefined` where it was not finalised, and is waited for now. */
  async #actOnFinalised(
    delayId: string,
    action: DelayedEventAction,
    manager: Manager,
  ): Promise<ActionOutcome | undefined> {
    const event = await this.#records.find(delayId);
    if (event === undefined || !isManagedBy(event.userId, manager)) throw unknownDelayedEvent();
    const { finalised } = event;
    if (finalised === undefined) {
      await this.#takeUp(delayId);
      return undefined;
    }
    const state = { name: 'finalised', outcome: finalised.outcome } as const;
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const input = action === 'restart' ? { kind: action, delayMs: event.delayMs } : { kind: action };
    return stepDelayedEvent(state, input, nowMs).effect === 'done' ? 'done' : 'conflict';
  }

  /** Where the database was slow to say that it has it, or lost the word, it is on disk and nobody waits for it. */
  async #takeUp(delayId: string): Promise<void> {
    if (this.#runner.get(delayId) !== undefined) return;
    const row = await this.#records.findScheduled(delayId);
    if (row !== undefined) this.#runner.takeUp(row);
  }

  /** What is known already to be no event of this room. */
  async #checkEvent({ roomId, type, stateKey, content }: EventToDelay): Promise<void> {
    const fields = { type, ...(stateKey === undefined ? {} : { state_key: stateKey }) };
    const sizes = checkFieldSizes(fields);
    if (!sizes.allowed) throw new MatrixError('M_TOO_LARGE', sizes.reason);
    const room = await this.#parts.events.room(roomId);
    const json = checkCanonicalJson({ ...fields, content }, { requiresCanonicalJson: false, ...room?.version });
    if (!json.allowed) throw new MatrixError('M_BAD_JSON', json.reason);
    const sizeBytes = utf8Length(JSON.stringify(content));
    if (sizeBytes <= MAX_EVENT_BYTES) return;
    const text = `The content has ${sizeBytes} bytes; a whole event may have ${MAX_EVENT_BYTES}.`;
    throw new MatrixError('M_TOO_LARGE', text);
  }

  #isFull(userId: string): boolean {
    const own = this.#runner.ofUser(userId).size + (this.#beingScheduled.get(userId) ?? 0);
    return own >= this.limits.maxScheduled || this.#runner.size >= MAX_SCHEDULED;
  }

  #checkRoomFor(userId: string): void {
    if (!this.#isFull(userId)) return;
    const retryAfterMs = this.#runner.nextSendMs(userId);
    const text = `${this.limits.maxScheduled} delayed events are scheduled, which is the most. Cancel one, or wait.`;
    throw limitExceeded(text, retryAfterMs);
  }

  #countBeingScheduled(userId: string, change: 1 | -1): void {
    const count = (this.#beingScheduled.get(userId) ?? 0) + change;
    if (count === 0) this.#beingScheduled.delete(userId);
    else this.#beingScheduled.set(userId, count);
  }
}

function isManagedBy(owner: string, manager: Manager): boolean {
  return manager === 'bearer' || manager.userId === owner;
}

function unknownDelayedEvent(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'There is no such delayed event. It may have been sent long ago.');
}
