import type { RoomAlias, UserId } from '@limpet/protocol/identifiers';
import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Profiles } from '../../accounts/profiles.ts';
import type { Aliases } from '../../rooms/aliases.ts';
import type { EventStore } from '../../rooms/event-store.ts';
import type { RoomServers } from '../../rooms/room-servers.ts';

/** Servers of a room that are named to who asks for its alias. */
const MAX_SERVERS = 500;

interface LookUpsParts {
  readonly serverName: string;
  readonly profiles: Profiles;
  readonly aliases: Aliases;
  readonly events: EventStore;
  readonly roomServers: RoomServers;
}

/** What servers look up at the one that an identifier names. Server-server API, "Querying for information". */
export class LookUps {
  readonly #parts: LookUpsParts;

  constructor(parts: LookUpsParts) {
    this.#parts = parts;
  }

  /** The whole profile, or one field; `{}` where that is not set. Throws M_NOT_FOUND when there is no such user. */
  async profile(userId: UserId, field: string | undefined): Promise<JsonObject> {
    const profile = await this.#parts.profiles.get(userId);
    if (field === undefined) return profile;
    const value = Object.hasOwn(profile, field) ? profile[field] : undefined;
    return value === undefined ? {} : { [field]: value };
  }

  /** Throws M_INVALID_PARAM for an alias of another server, M_NOT_FOUND where there is none. */
  async alias(alias: RoomAlias): Promise<JsonObject> {
    const { aliases, events, roomServers, serverName } = this.#parts;
    aliases.checkOwn(alias);
    const found = await aliases.find(alias);
    if (found === undefined) throw new MatrixError('M_NOT_FOUND', `There is no room alias ${alias}.`);
    const room = await events.room(found.roomId);
    const others = room === undefined ? [] : [...(await roomServers.in(room))];
    return { room_id: found.roomId, servers: [serverName, ...others].slice(0, MAX_SERVERS) };
  }
}
