import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import type { Pdu } from '@limpet/protocol/pdu';

/** A state event for who is invited or knocks. Specification: client-server API, "Stripped state". */
export function stripEvent(pdu: Pdu): JsonObject {
  if (pdu.stateKey === undefined) throw new Error(`${pdu.eventId} is no state event, so it has no stripped form`);
  return { type: pdu.type, state_key: pdu.stateKey, sender: pdu.sender, content: pdu.content };
}

/** What of a list that another server sent is stripped state, or whole state events, stripped. */
export function readStrippedState(list: JsonValue): JsonObject[] {
  return (Array.isArray(list) ? list : []).filter(isJsonObject).flatMap((event) => {
    const { type, state_key, sender, content } = event;
    const isState = typeof type === 'string' && typeof state_key === 'string' && typeof sender === 'string';
    return isState && isJsonObject(content) ? [{ type, state_key, sender, content }] : [];
  });
}

/** What of a room's state who is not in it yet gets to see. The member events of both sides are added to it. */
export const STRIPPED_STATE_TYPES: readonly string[] = [
  'm.room.create',
  'm.room.join_rules',
  'm.room.name',
  'm.room.topic',
  'm.room.avatar',
  'm.room.canonical_alias',
  'm.room.encryption',
];
