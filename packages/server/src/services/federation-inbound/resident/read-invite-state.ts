import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { parsePdu } from '@limpet/protocol/parse-pdu';
import type { RoomVersion } from '@limpet/protocol/room-version';
import { readStrippedState } from '../../rooms/strip-event.ts';

/** Events about a room that come with an invite, and their length in all, as JSON; what is beyond is dropped. */
const MAX_EVENTS = 100;
const MAX_CHARACTERS = 262_144;

/**
 * What an inviting server tells of a room, stripped for the clients, as JSON texts. Entries may be whole events; where
 * the room ID is the hash of the create event, a whole create event has to be that one: else anybody could invite to a
 * room that looks like another. Throws M_MISSING_PARAM where it is not. What is no state event is dropped.
 *
 * Stripped entries are taken, too: servers are only beginning to send whole ones. The signatures of the others are not
 * asked for, since an invite would have to wait for the keys of servers that may be gone.
 * Specification: server-server API, `PUT /_matrix/federation/v2/invite/{roomId}/{eventId}`, `invite_room_state`.
 */
export function readInviteState(
  entries: readonly JsonObject[],
  roomId: string,
  version: RoomVersion,
): readonly string[] {
  const texts: string[] = [];
  let characters = 0;
  for (const entry of entries.slice(0, MAX_EVENTS)) {
    const [stripped] = readStrippedState([entry]);
    if (stripped === undefined) continue;
    if (stripped.type === 'm.room.create' && entry.hashes !== undefined) checkCreate(entry, roomId, version);
    const text = JSON.stringify(stripped);
    characters += text.length;
    if (characters > MAX_CHARACTERS) break;
    texts.push(text);
  }
  return texts;
}

function checkCreate(entry: JsonObject, roomId: string, version: RoomVersion): void {
  if (!version.roomIdIsCreateHash) return;
  const parsed = parsePdu(entry, version);
  if (parsed.allowed && parsed.pdu.roomId === roomId) return;
  throw new MatrixError('M_MISSING_PARAM', 'The m.room.create event of "invite_room_state" is not that of the room.');
}
