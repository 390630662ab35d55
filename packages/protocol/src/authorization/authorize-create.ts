import { asUserId } from '../identifiers.ts';
import { contentOf, type Pdu } from '../pdu.ts';
import { findRoomVersion, type RoomVersion } from '../room-version.ts';
import { ALLOWED, refused, type Verdict } from '../verdict.ts';
import { isSameServer } from './is-same-server.ts';

/** Rule 1: `m.room.create`. */
export function authorizeCreate(event: Pdu, version: RoomVersion): Verdict {
  // 1.1
  if (event.prevEvents.length > 0) return refused('m.room.create has prev_events, but nothing comes before it.');
  // 1.2
  if (version.roomIdIsCreateHash) {
    if (Object.hasOwn(event.json, 'room_id'))
      return refused('m.room.create has a room_id, but its hash is the room ID.');
  } else if (!isSameServer(event.roomId, event.sender)) {
    return refused(`The room ID ${event.roomId} is not of the server of ${event.sender}.`);
  }
  // 1.3
  const roomVersion = contentOf(event, 'room_version');
  if (roomVersion !== undefined && !(typeof roomVersion === 'string' && findRoomVersion(roomVersion) !== undefined)) {
    return refused(`The room version ${JSON.stringify(roomVersion)} is not known here.`);
  }
  // v1-10: 1.4
  if (!version.creatorIsSender && contentOf(event, 'creator') === undefined) {
    return refused('m.room.create names no creator.');
  }
  // 1.4
  if (version.privilegesCreators && !areAdditionalCreators(contentOf(event, 'additional_creators'))) {
    return refused('additional_creators of m.room.create is not a list of user IDs.');
  }
  return ALLOWED; // 1.5
}

function areAdditionalCreators(value: unknown): boolean {
  return value === undefined || (Array.isArray(value) && value.every((creator) => asUserId(creator) !== undefined));
}
