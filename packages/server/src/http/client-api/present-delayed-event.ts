import type { JsonObject } from '@limpet/protocol/json';
import type { DelayedEvent } from '../../services/delayed-events/delayed-event.ts';

/**
 * A delayed event as its owner sees it, under the names of the proposal and those of its earlier drafts, which clients
 * still read. Specification: MSC4140, "Getting delayed events".
 */
export function presentDelayedEvent(event: DelayedEvent): JsonObject {
  const { finalised } = event;
  return {
    ...presentWaiting(event),
    ...(finalised === undefined
      ? {}
      : {
          finalised: { finalised_ts: finalised.finalisedTs, ...resultOf(finalised) },
          finalised_ts: finalised.finalisedTs,
          origin_server_ts: finalised.finalisedTs,
          ...resultOf(finalised),
        }),
  };
}

function presentWaiting({ delayId, roomId, type, stateKey, content, delayMs, sinceTs }: DelayedEvent): JsonObject {
  return {
    delay_id: delayId,
    room_id: roomId,
    type,
    ...(stateKey === undefined ? {} : { state_key: stateKey }),
    content,
    delay_ms: delayMs,
    delay: delayMs,
    delayed_since_ts: sinceTs,
    running_since: sinceTs,
    scheduled_at: sinceTs,
  };
}

function resultOf({ eventId, error }: NonNullable<DelayedEvent['finalised']>): JsonObject {
  return { ...(eventId === undefined ? {} : { event_id: eventId }), ...(error === undefined ? {} : { error }) };
}
