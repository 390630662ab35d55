import { asRoomId } from '@limpet/protocol/identifiers';
import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';

/** Links of one space of another server that are kept. */
const MAX_LINKS = 1_000;
/** Servers that one link of a space names which are asked. */
const MAX_VIA = 5;

const TEXTS = [
  'name',
  'topic',
  'canonical_alias',
  'avatar_url',
  'join_rule',
  'room_type',
  'encryption',
  'room_version',
] as const;

/**
 * What another server tells of a room, with what has the right type and nothing else; `undefined` where it names none.
 * Specification: client-server API, `PublishedRoomsChunk` and `RoomSummary`.
 */
export function readRemoteRoom(value: JsonValue | undefined): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const roomId = asRoomId(value.room_id);
  if (roomId === undefined) return undefined;
  const room: JsonObject = {
    room_id: roomId,
    num_joined_members: typeof value.num_joined_members === 'number' ? value.num_joined_members : 0,
    world_readable: value.world_readable === true,
    guest_can_join: value.guest_can_join === true,
  };
  for (const key of TEXTS) {
    const text = value[key];
    if (typeof text === 'string') room[key] = text;
  }
  const allowed = roomIdsIn(value.allowed_room_ids);
  if (allowed.length > 0) room.allowed_room_ids = allowed;
  return room;
}

/** The `m.space.child` events of a space of another server, as stripped state. */
export function readRemoteLinks(value: JsonValue | undefined): JsonObject[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, MAX_LINKS).filter(isLink);
}

function isLink(link: JsonValue): link is JsonObject {
  return (
    isJsonObject(link) &&
    link.type === 'm.space.child' &&
    asRoomId(link.state_key) !== undefined &&
    typeof link.sender === 'string' &&
    typeof link.origin_server_ts === 'number' &&
    isJsonObject(link.content)
  );
}

export function roomIdsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.flatMap((one) => asRoomId(one) ?? []) : [];
}

/** The servers through which a link of a space says that its room is found. */
export function viaOf(content: JsonValue | undefined): string[] {
  const via = isJsonObject(content) ? content.via : undefined;
  return Array.isArray(via) ? via.filter((name) => typeof name === 'string').slice(0, MAX_VIA) : [];
}
