import { canRedact } from '@limpet/protocol/authorization/can-redact';
import { powerLevelsOf } from '@limpet/protocol/authorization/power-levels';
import { encodeCanonicalJson } from '@limpet/protocol/canonical-json';
import type { Pdu } from '@limpet/protocol/pdu';
import { redactPdu } from '@limpet/protocol/redaction';
import { insertRedaction, redactEventRow } from '../../storage/queries/event-graph.ts';
import type { WriteTransaction } from '../../storage/storage.ts';
import type { LoadedRoom } from './loaded-room.ts';
import type { RoomEvent } from './room-event.ts';

/** The redacted event as it is from now on, where the redaction takes effect. The target may come later, or never. */
export function writeRedaction(
  transaction: WriteTransaction,
  room: LoadedRoom,
  { event, target }: { event: RoomEvent; target: RoomEvent | undefined },
): RoomEvent | undefined {
  const { pdu } = event;
  if (pdu.type !== 'm.room.redaction' || pdu.redacts === undefined) return undefined;
  transaction.run(insertRedaction, { redactsEventId: pdu.redacts, redactionNid: event.nid });
  if (target === undefined || target.redactedBy !== undefined || !takesEffect(pdu, target, room)) return undefined;
  const redacted = redactPdu(target.pdu, room.record.version);
  const json = encodeCanonicalJson(redacted.json);
  transaction.run(redactEventRow, { eventNid: target.nid, redactedBy: event.nid, json });
  if (isCurrent(room, target)) room.setState({ nid: target.nid, pdu: redacted });
  return { ...target, pdu: redacted, redactedBy: event.nid };
}

/** Whether this redaction redacts that event. Specification: room versions 3 and 11, "Handling redactions". */
export function takesEffect(
  redaction: Pdu,
  target: { readonly pdu: Pdu; readonly room?: { readonly nid: number } },
  room: LoadedRoom,
): boolean {
  const { version } = room.record;
  if (target.room !== undefined && target.room.nid !== room.roomNid) return false;
  return canRedact(redaction, target.pdu, powerLevelsOf(room.state, version), version);
}

function isCurrent(room: LoadedRoom, { nid, pdu }: RoomEvent): boolean {
  return pdu.stateKey !== undefined && room.nids.get(`${pdu.type}\0${pdu.stateKey}`) === nid;
}
