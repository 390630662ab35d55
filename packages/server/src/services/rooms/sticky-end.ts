import { stickyDurationMs } from '@limpet/sticky/sticky-duration';
import { stickyUntilMs } from '@limpet/sticky/sticky-lifetime';
import type { RoomEvent } from './room-event.ts';

/**
 * The first instant of our clock at which the event is no longer sticky (A2); `undefined` for one that never was (A1,
 * A3, A5).
 */
export function stickyEndOf(event: RoomEvent): number | undefined {
  if (event.isRejected || event.isSoftFailed || event.redactedBy !== undefined || event.place === undefined) {
    return undefined;
  }
  const durationMs = stickyDurationMs(event.pdu.json);
  if (durationMs === undefined) return undefined;
  return stickyUntilMs({ originServerTs: event.pdu.originServerTs, receivedTs: event.receivedTs, durationMs });
}
