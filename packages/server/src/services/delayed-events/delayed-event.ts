import type { JsonObject } from '@limpet/protocol/json';
import type { DelayedEventRow } from '../../storage/queries/delayed-events.ts';
import type { Outcome, SendReason } from './delayed-event-state.ts';

/** An event to be sent later. */
export interface EventToDelay {
  readonly userId: string;
  readonly deviceId: string;
  /** Absent where the endpoint has none: then the same request twice is two delayed events. */
  readonly transaction: { readonly scope: string; readonly id: string } | undefined;
  readonly roomId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  /** Further top-level fields, signed with the event, as the sticky one. */
  readonly extraTopLevel: JsonObject | undefined;
  /** More than 0. */
  readonly delayMs: number;
}

/** What its owner can see of a delayed event. Times are those of the wall clock, in milliseconds. */
export interface DelayedEvent {
  readonly delayId: string;
  readonly userId: string;
  readonly roomId: string;
  readonly type: string;
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  readonly delayMs: number;
  /** When it was scheduled, or restarted for the last time. */
  readonly sinceTs: number;
  readonly finalised: FinalisedEvent | undefined;
}

export interface FinalisedEvent {
  readonly outcome: Outcome;
  readonly reason: SendReason;
  readonly finalisedTs: number;
  /** Where it was sent. */
  readonly eventId: string | undefined;
  /** Where it was refused: the standard error response. */
  readonly error: JsonObject | undefined;
}

export function readDelayedEvent(row: DelayedEventRow): DelayedEvent {
  return {
    delayId: row.delay_id,
    userId: row.user_id,
    roomId: row.room_id,
    type: row.type,
    stateKey: row.state_key ?? undefined,
    content: JSON.parse(row.content_json) as JsonObject,
    delayMs: row.delay_ms,
    sinceTs: row.since_ts,
    finalised: readFinalised(row),
  };
}

function readFinalised(row: DelayedEventRow): FinalisedEvent | undefined {
  if (row.finalised_ts === null) return undefined;
  return {
    outcome: row.status as Outcome,
    reason: row.reason as SendReason,
    finalisedTs: row.finalised_ts,
    eventId: row.event_id ?? undefined,
    error: row.error_json === null ? undefined : (JSON.parse(row.error_json) as JsonObject),
  };
}
