import type { JsonObject } from '@limpet/protocol/json';
import { ROOM_VERSION_IDS } from '@limpet/protocol/room-version';
import type { Session } from '../../src/services/accounts/sessions.ts';
import type { TestServer } from './test-server.ts';

const ALL_VERSIONS = ROOM_VERSION_IDS.map((id) => `ver=${id}`).join('&');

/** `make_join` and its like, for a server that knows all room versions. */
export function makePath(kind: string, roomId: string, userId: string, query = ALL_VERSIONS): string {
  const path = `/_matrix/federation/v1/make_${kind}/${encodeURIComponent(roomId)}/${encodeURIComponent(userId)}`;
  return query === '' ? path : `${path}?${query}`;
}

export function sendPath(kind: string, roomId: string, eventId: string, api = 'v2', query = ''): string {
  const ids = [roomId, eventId].map(encodeURIComponent).join('/');
  return `/_matrix/federation/${api}/send_${kind}/${ids}${query}`;
}

/** A room that anybody may join, unless the body says otherwise. */
export async function createRoomAs(home: TestServer, user: Session, body: JsonObject = {}): Promise<string> {
  const answer = await home.ok('POST', '/_matrix/client/v3/createRoom', {
    token: user.accessToken,
    body: { preset: 'public_chat', ...body },
  });
  return String(answer.room_id);
}

export async function setState(
  home: TestServer,
  user: Session,
  roomId: string,
  type: string,
  content: JsonObject,
): Promise<string> {
  const path = `/_matrix/client/v3/rooms/${roomId}/state/${type}/`;
  return String((await home.ok('PUT', path, { token: user.accessToken, body: content })).event_id);
}
