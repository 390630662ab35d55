import { isJsonObject, type JsonObject, type JsonValue } from '@limpet/protocol/json';
import { limitExceeded } from '@limpet/protocol/matrix-error';
import { RemoteServerError, type RemoteServers } from '../remote-servers/remote-servers.ts';
import { clientErrorOf } from '../rooms/joining/ask-servers.ts';
import type { PublicRooms, PublicRoomsQuery } from '../rooms/public-rooms.ts';
import { readRemoteRoom } from './remote-rooms.ts';

/** Rooms of another server on one page. */
const MAX_ROOMS_PER_PAGE = 500;
const TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 2_097_152;
/** Directories of other servers that are asked for at once. */
const MAX_UNDER_WAY = 50;

interface PublicRoomListsParts {
  readonly serverName: string;
  readonly publicRooms: PublicRooms;
  readonly remote: RemoteServers;
}

/** The published rooms of this server or another one. Specification: client-server API, "Published room directory". */
export class PublicRoomLists {
  readonly #parts: PublicRoomListsParts;
  #underWay = 0;

  constructor(parts: PublicRoomListsParts) {
    this.#parts = parts;
  }

  isElsewhere(server: string | undefined): server is string {
    return server !== undefined && server !== this.#parts.serverName;
  }

  /**
   * Throws M_INVALID_PARAM for a token that is none, M_UNKNOWN (502) where another server cannot be asked, and what it
   * refuses with.
   */
  async page(server: string | undefined, query: PublicRoomsQuery): Promise<JsonObject> {
    if (!this.isElsewhere(server)) return this.#parts.publicRooms.page(query, 'users');
    if (this.#underWay >= MAX_UNDER_WAY)
      throw limitExceeded('Many directories are being asked for just now. Try again.');
    this.#underWay++;
    try {
      return await this.#ask(server, query);
    } catch (error) {
      throw error instanceof RemoteServerError ? clientErrorOf(error) : error;
    } finally {
      this.#underWay--;
    }
  }

  /** Specification: server-server API, `POST /publicRooms`. */
  async #ask(server: string, { limit, since, searchTerm, roomTypes }: PublicRoomsQuery): Promise<JsonObject> {
    const filter: JsonObject = {};
    if (searchTerm !== undefined) filter.generic_search_term = searchTerm;
    if (roomTypes !== undefined) filter.room_types = [...roomTypes];
    const body: JsonObject = { limit: Math.min(limit || MAX_ROOMS_PER_PAGE, MAX_ROOMS_PER_PAGE), filter };
    if (since !== undefined) body.since = since;
    const answer = await this.#parts.remote.request(server, {
      method: 'POST',
      path: '/_matrix/federation/v1/publicRooms',
      body,
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_ANSWER_BYTES,
    });
    return readPage(answer, server);
  }
}

function readPage(answer: JsonValue, server: string): JsonObject {
  if (!isJsonObject(answer) || !Array.isArray(answer.chunk)) {
    throw new RemoteServerError(server, 'bad-answer', 'It has no chunk.');
  }
  const page: JsonObject = {
    chunk: answer.chunk.slice(0, MAX_ROOMS_PER_PAGE).flatMap((one) => readRemoteRoom(one) ?? []),
  };
  for (const key of ['next_batch', 'prev_batch']) {
    const token = answer[key];
    if (typeof token === 'string') page[key] = token;
  }
  const { total_room_count_estimate: total } = answer;
  if (typeof total === 'number') page.total_room_count_estimate = total;
  return page;
}
