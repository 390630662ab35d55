import { asRoomId, type RoomAlias, serverNameOf } from '@limpet/protocol/identifiers';
import { isJsonObject } from '@limpet/protocol/json';
import { limitExceeded, MatrixError } from '@limpet/protocol/matrix-error';
import { RemoteServerError, type RemoteServers } from '../../remote-servers/remote-servers.ts';
import { clientErrorOf, MAX_SERVERS_ASKED, otherServers } from './ask-servers.ts';
import { arrayIn } from './fetch-events.ts';

const ALIAS_TIMEOUT_MS = 20_000;
const MAX_ALIAS_ANSWER_BYTES = 262_144;
/** Aliases that are looked up at once: anybody may ask for one, logged in or not. */
const MAX_UNDER_WAY = 200;

export interface FoundRoom {
  readonly roomId: string;
  /** Other servers that are said to be in the room. */
  readonly servers: string[];
}

/** Room aliases of other servers. Specification: server-server API, `GET /query/directory`. */
export class RemoteAliases {
  readonly #remote: RemoteServers;
  readonly #serverName: string;
  #underWay = 0;

  constructor(remote: RemoteServers, serverName: string) {
    this.#remote = remote;
    this.#serverName = serverName;
  }

  /** Throws M_NOT_FOUND where the alias's server has none like it, M_UNKNOWN (502) where it does not say. */
  async resolve(alias: RoomAlias): Promise<FoundRoom> {
    if (this.#underWay >= MAX_UNDER_WAY) throw limitExceeded('Many aliases are being looked up just now. Try again.');
    this.#underWay++;
    try {
      return await this.#ask(alias);
    } finally {
      this.#underWay--;
    }
  }

  async #ask(alias: RoomAlias): Promise<FoundRoom> {
    const serverName = serverNameOf(alias);
    try {
      const answer = await this.#remote.request(serverName, {
        method: 'GET',
        path: '/_matrix/federation/v1/query/directory',
        query: { room_alias: alias },
        timeoutMs: ALIAS_TIMEOUT_MS,
        maxBytes: MAX_ALIAS_ANSWER_BYTES,
      });
      const roomId = asRoomId(isJsonObject(answer) ? answer.room_id : undefined);
      if (roomId === undefined) throw new RemoteServerError(serverName, 'bad-answer', 'It names no room.');
      const named = arrayIn(answer, 'servers').map((name) => (typeof name === 'string' ? name : undefined));
      // The alias's own server need not be in the room, but then it knows best who is.
      const servers = otherServers([...named, serverName], this.#serverName).slice(0, MAX_SERVERS_ASKED);
      return { roomId, servers };
    } catch (error) {
      if (!(error instanceof RemoteServerError)) throw error;
      if (error.status === 404) throw new MatrixError('M_NOT_FOUND', `There is no room alias ${alias}.`);
      throw clientErrorOf(error);
    }
  }
}
