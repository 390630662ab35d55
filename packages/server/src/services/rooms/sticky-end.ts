import type { Pdu } from '@limpet/protocol/pdu';
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
  return stickyEndIn(event.pdu, event.receivedTs);
}

/** When an event would be no longer sticky once it has its place (A5), whatever became of it. */
export function stickyEndIn({ json, originServerTs }: Pdu, receivedTs: number): number | undefined {
  const durationMs = stickyDurationMs(json);
  return durationMs === undefined ? undefined : stickyUntilMs({ originServerTs, receivedTs, durationMs });
}
