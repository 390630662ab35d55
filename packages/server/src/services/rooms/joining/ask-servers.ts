import { asServerName } from '@limpet/protocol/identifiers';
import { type Errcode, limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { findRoomVersion } from '@limpet/protocol/room-version';
import type { Clock } from '../../../platform/clock.ts';
import type { Log } from '../../../platform/log.ts';
import { RemoteServerError } from '../../remote-servers/remote-servers.ts';

/** Servers that one request of a user is brought before, one after the other. */
export const MAX_SERVERS_ASKED = 10;
/** After this time no further server is asked; a user waits for the answer. */
const MAX_ASKING_MS = 120_000;
/** What another server says of its reasons goes to the client up to this length. */
const MAX_QUOTED_LENGTH = 300;

export interface Asking {
  readonly clock: Clock;
  readonly log: Log;
  /** For the log: `join`. */
  readonly purpose: string;
  readonly roomId: string;
  /** Fewer than MAX_SERVERS_ASKED, where the answer matters less. */
  readonly maxServers?: number;
}

/**
 * Asks servers one after the other until one does it. Throws M_NOT_FOUND where there is none to ask, else what the most
 * telling of the refusals comes to for a client.
 */
export async function askServers<T>(
  servers: readonly string[],
  ask: (serverName: string) => Promise<T>,
  { clock, log, purpose, roomId, maxServers = MAX_SERVERS_ASKED }: Asking,
): Promise<T> {
  const failures: RemoteServerError[] = [];
  const giveUpMs = clock.monotonicMs() + MAX_ASKING_MS;
  for (const serverName of servers.slice(0, maxServers)) {
    if (clock.monotonicMs() >= giveUpMs) break;
    try {
      return await ask(serverName);
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      log.info('Another server did not help a user into or out of a room', { purpose, roomId, serverName, error });
      failures.push(error);
    }
  }
  const telling = failures.reduce<RemoteServerError | undefined>(
    (best, next) => (best === undefined || weightOf(next) >= weightOf(best) ? next : best),
    undefined,
  );
  throw telling === undefined ? noServers() : clientErrorOf(telling);
}

/** Names of other servers, each once, in this order; what is no server name is passed over. */
export function otherServers(names: Iterable<string | undefined>, ownName: string): string[] {
  const known = new Set<string>();
  for (const name of names) {
    const serverName = asServerName(name);
    if (serverName !== undefined && serverName !== ownName) known.add(serverName);
  }
  return [...known];
}

/** What another server's failure is to a client of ours. */
export function clientErrorOf(error: RemoteServerError): MatrixError {
  const { destination, kind, retryAfterMs } = error;
  const said = typeof error.body.error === 'string' ? `: ${error.body.error.slice(0, MAX_QUOTED_LENGTH)}` : '.';
  if (kind === 'unreachable') {
    const text = `The server ${destination} cannot be reached. Try again later, or name other servers with "via".`;
    return new MatrixError('M_UNKNOWN', text, { status: 502 });
  }
  if (kind === 'bad-answer') {
    const text = `The answer of ${destination} cannot be used: ${error.message.slice(0, MAX_QUOTED_LENGTH)}`;
    return new MatrixError('M_UNKNOWN', `${text} Name other servers with "via".`, { status: 502 });
  }
  const text = `${destination} refused${said}`;
  const errcode = PASSED_ON.get(error.errcode ?? '');
  if (errcode === 'M_LIMIT_EXCEEDED') return limitExceeded(text, retryAfterMs);
  if (errcode === 'M_INCOMPATIBLE_ROOM_VERSION') return incompatible(error, text);
  if (errcode !== undefined) return new MatrixError(errcode, text);
  return new MatrixError('M_UNKNOWN', text, { status: 502 });
}

/** Which refusals mean something to the client, and what they are called there. */
const PASSED_ON: ReadonlyMap<string, Errcode> = new Map([
  ['M_FORBIDDEN', 'M_FORBIDDEN'],
  ['M_INVITE_BLOCKED', 'M_INVITE_BLOCKED'],
  ['M_UNABLE_TO_AUTHORISE_JOIN', 'M_FORBIDDEN'],
  ['M_UNABLE_TO_GRANT_JOIN', 'M_FORBIDDEN'],
  ['M_INCOMPATIBLE_ROOM_VERSION', 'M_INCOMPATIBLE_ROOM_VERSION'],
  ['M_NOT_FOUND', 'M_NOT_FOUND'],
  ['M_LIMIT_EXCEEDED', 'M_LIMIT_EXCEEDED'],
]);

/** Specification: client-server API, "Common error codes", M_INCOMPATIBLE_ROOM_VERSION. */
function incompatible({ body }: RemoteServerError, text: string): MatrixError {
  const roomVersion = typeof body.room_version === 'string' ? body.room_version.slice(0, MAX_QUOTED_LENGTH) : '';
  const isKnown = findRoomVersion(roomVersion) !== undefined;
  const reason = isKnown ? text : `This server does not know the room's version, "${roomVersion}".`;
  return new MatrixError('M_INCOMPATIBLE_ROOM_VERSION', reason, { extra: { room_version: roomVersion } });
}

/** What says more about the room than about the server: of several answers the one to give. */
function weightOf({ kind, errcode }: RemoteServerError): number {
  if (kind !== 'refused') return 0;
  if (errcode === 'M_FORBIDDEN' || errcode === 'M_INCOMPATIBLE_ROOM_VERSION') return 3;
  return errcode === 'M_NOT_FOUND' || errcode === undefined || !PASSED_ON.has(errcode) ? 1 : 2;
}

function noServers(): MatrixError {
  const text = 'No server is known that could help with this room. Name some that are in it with "via".';
  return new MatrixError('M_NOT_FOUND', text);
}
