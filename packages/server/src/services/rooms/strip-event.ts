import type { JsonObject } from '@limpet/protocol/json';
import type { RoomEvent } from './room-event.ts';

/** A state event for who is invited or knocks. Specification: client-server API, "Stripped state". */
export function stripEvent({ pdu }: RoomEvent): JsonObject {
  if (pdu.stateKey === undefined) throw new Error(`${pdu.eventId} is no state event, so it has no stripped form`);
  return { type: pdu.type, state_key: pdu.stateKey, sender: pdu.sender, content: pdu.content };
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
