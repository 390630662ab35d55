import type { IncomingMessage, ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

/** What Element Call asks of the service: to be let into a room's media, as who its homeserver says it is. */
interface TokenRequest {
  readonly room_id: string;
  readonly openid_token: { readonly access_token: string };
  readonly member: { readonly id: string; readonly claimed_user_id: string; readonly claimed_device_id: string };
}

/**
 * The service that stands before a media server (`lk-jwt-service`), in ten lines: asks the homeserver whose OpenID
 * token it got, and gives a token for the media server, which nobody here verifies.
 */
export async function giveMediaToken(
  request: IncomingMessage,
  response: ServerResponse,
  { homeserverUrl, mediaUrl }: { homeserverUrl: string; mediaUrl: string },
): Promise<void> {
  const { room_id: room, openid_token, member } = (await json(request)) as TokenRequest;
  const userInfo = new URL('/_matrix/federation/v1/openid/userinfo', homeserverUrl);
  userInfo.searchParams.set('access_token', openid_token.access_token);
  const { sub } = (await (await fetch(userInfo)).json()) as { sub?: string };
  if (sub !== member.claimed_user_id) {
    response.writeHead(401).end();
    return;
  }
  const claims = { sub: `${sub}:${member.claimed_device_id}:${member.id}`, video: { room, roomJoin: true } };
  const jwt = [{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64')).join('.');
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ url: mediaUrl, jwt: `${jwt}.` }));
}
