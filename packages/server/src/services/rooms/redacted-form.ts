import { redactPdu } from '@limpet/protocol/redaction';
import type { RoomEvent } from './room-event.ts';

/** The event as a redaction would leave it, though nobody redacted it. */
export function redactedForm(event: RoomEvent): RoomEvent {
  return { ...event, pdu: redactPdu(event.pdu, event.room.version) };
}
