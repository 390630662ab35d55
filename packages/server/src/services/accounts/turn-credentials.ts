import { createHmac } from 'node:crypto';
import type { JsonObject } from '@limpet/protocol/json';

export interface TurnSettings {
  readonly uris: readonly string[];
  /** Without it the servers take anybody. */
  readonly sharedSecret: string | undefined;
  readonly lifetimeSeconds: number;
}

/**
 * What a user says to the TURN servers: a name that says until when it holds, and the code that only who has the secret
 * can make of it. `{}` where there is no TURN server. Specification: client-server API, `GET /voip/turnServer`; the
 * scheme is that of draft-uberti-behave-turn-rest.
 */
export function turnCredentials({ uris, sharedSecret, lifetimeSeconds }: TurnSettings, userId: string, nowMs: number) {
  if (uris.length === 0) return {};
  const answer: JsonObject = { uris: [...uris], ttl: lifetimeSeconds };
  const username = `${Math.floor(nowMs / 1000) + lifetimeSeconds}:${userId}`;
  // Clients want both in any case.
  answer.username = username;
  answer.password =
    sharedSecret === undefined ? '' : createHmac('sha1', sharedSecret).update(username).digest('base64');
  return answer;
}
