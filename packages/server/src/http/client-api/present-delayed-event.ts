import type { JsonObject } from '@limpet/protocol/json';
import type { DelayedEvent, FinalisedEvent } from '../../services/delayed-events/delayed-event.ts';
import type { DelayedEventsPage } from '../../services/delayed-events/delayed-event-list.ts';

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

/** A page of them. Specification: MSC4486, "Listing delayed events". */
export function presentDelayedEvents({ events, next }: DelayedEventsPage): JsonObject {
  return {
    delayed_events: events.map(presentDelayedEvent),
    ...(next === undefined ? {} : { next_batch: next }),
  };
}

/** The page as older drafts of MSC4140 had it: in two lists, of which the status that was asked for leaves one. */
export function presentByStatus({ events }: DelayedEventsPage, status: string | undefined): JsonObject {
  const scheduled = events.filter(({ finalised }) => finalised === undefined).map(presentWaiting);
  const finalised = events.flatMap((event) =>
    event.finalised === undefined ? [] : presentEnded(event, event.finalised),
  );
  if (status === undefined) return { scheduled, finalised };
  return status === 'scheduled' ? { scheduled } : { finalised };
}

function presentEnded(event: DelayedEvent, ended: FinalisedEvent): JsonObject {
  return {
    delayed_event: presentWaiting(event),
    outcome: ended.outcome === 'sent' ? 'send' : 'cancel',
    reason: ended.outcome === 'failed' ? 'error' : ended.reason,
    origin_server_ts: ended.finalisedTs,
    ...resultOf(ended),
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

function resultOf({ eventId, error }: FinalisedEvent): JsonObject {
  return { ...(eventId === undefined ? {} : { event_id: eventId }), ...(error === undefined ? {} : { error }) };
}
