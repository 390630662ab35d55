import { eventIdOf } from '@limpet/protocol/event-id';
import { asEventId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { DEFAULT_ROOM_VERSION_ID, findRoomVersion, type RoomVersion } from '@limpet/protocol/room-version';

/**
 * What to call a PDU that was not understood, in the answer to who sent it: its ID, by the rules of its room version.
 * Of a room that is not known, it is that which most room versions would give. `undefined` where it has none.
 */
export function namePdu(object: JsonObject, version: RoomVersion | undefined): string | undefined {
  const own = asEventId(object.event_id);
  if (version?.eventIdIsHash === false || (version === undefined && own !== undefined)) return own;
  const rules = version ?? findRoomVersion(DEFAULT_ROOM_VERSION_ID);
  try {
    return rules === undefined ? undefined : eventIdOf(object, rules);
  } catch {
    // What is no canonical JSON has no hash, and so no name.
    return undefined;
  }
}
