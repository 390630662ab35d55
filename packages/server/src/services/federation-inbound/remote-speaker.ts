import { asRoomId, asUserId, serverNameOf } from '@limpet/protocol/identifiers';
import type { JsonValue } from '@limpet/protocol/json';
import { type Refusal, refused } from '@limpet/protocol/verdict';
import type { EventStore } from '../rooms/event-store.ts';
import { findJoinedRoom } from '../rooms/joined-rooms.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import type { RoomRecord } from '../rooms/room-event.ts';
import type { ServerAcls } from '../rooms/server-acls.ts';

export interface RemoteSpeakerParts {
  readonly events: EventStore;
  readonly memberships: MembershipReader;
  readonly acls: ServerAcls;
}

/** A user of another server, and the room in which he does something. */
export type RemoteSpeaker = { readonly allowed: true; readonly room: RoomRecord; readonly userId: string } | Refusal;

/**
 * Whether the server may speak for this user in this room: he is one of its own and joined, and the room's access
 * control list lets it in, which counts for EDUs of a room, too.
 */
export async function findRemoteSpeaker(
  parts: RemoteSpeakerParts,
  { origin, roomId, userId }: { origin: string; roomId: JsonValue | undefined; userId: JsonValue | undefined },
): Promise<RemoteSpeaker> {
  const user = asUserId(userId);
  const roomName = asRoomId(roomId);
  if (user === undefined || roomName === undefined) return refused('It names no user and room.');
  if (serverNameOf(user) !== origin) return refused('The user is of another server.');
  const room = await findJoinedRoom(parts, roomName, user);
  if (room === undefined) return refused('The user is not joined to the room.');
  const access = await parts.acls.check(room, origin);
  return access.allowed ? { allowed: true, room, userId: user } : access;
}
