import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { EventToDelay } from '../../services/delayed-events/delayed-event.ts';
import type { Requester } from '../authenticate.ts';
import type { RoomWritingServices } from './room-writing-services.ts';

/** The delay of an event, in milliseconds, where it is sent as if it were to be sent now. */
export const DELAY_PARAMETER = 'org.matrix.msc4140.delay';

export interface DelayAsked {
  readonly query: { readonly [DELAY_PARAMETER]?: string | undefined };
  readonly requester: Requester;
  readonly event: Omit<EventToDelay, 'userId' | 'deviceId' | 'delayMs'>;
}

/** Schedules what came with the parameter. Specification: MSC4140, "Reusing the send/state endpoints". */
export async function scheduleByQuery(
  { query, requester, event }: DelayAsked,
  { delayedEvents, rateLimits }: Pick<RoomWritingServices, 'delayedEvents' | 'rateLimits'>,
): Promise<JsonObject> {
  const delayMs = delayOf(query[DELAY_PARAMETER] ?? '');
  const { maxDelayMs } = delayedEvents.limits;
  if (delayMs > maxDelayMs) {
    // The shape that clients of the older drafts shorten their delay on; any other ends their call.
    throw new MatrixError('M_UNKNOWN', `The delay may be ${maxDelayMs} ms at most.`, {
      extra: { 'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED', 'org.matrix.msc4140.max_delay': maxDelayMs },
    });
  }
  rateLimits.take('delayedEvent', requester.userId);
  const { userId, deviceId } = requester;
  return { delay_id: await delayedEvents.schedule({ ...event, userId, deviceId, delayMs }) };
}

function delayOf(text: string): number {
  const delayMs = /^[0-9]{1,15}$/.test(text) ? Number(text) : 0;
  if (delayMs > 0) return delayMs;
  throw new MatrixError('M_INVALID_PARAM', `${DELAY_PARAMETER} must be an integer of milliseconds above 0.`);
}
