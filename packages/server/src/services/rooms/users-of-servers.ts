import { serverNameOf } from '@limpet/protocol/identifiers';
import { createCache } from '../../cache/create-cache.ts';
import { selectUsersOfServer } from '../../storage/queries/memberships.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Membership } from './membership-reader.ts';
import type { RoomRecord } from './room-event.ts';

/** Users of one server in one room that are looked at, those first that are in it longest. */
const MAX_USERS = 100;
/** Servers in rooms whose users are kept in memory. */
const MAX_CACHED = 10_000;

export interface UserOfServer {
  readonly userId: string;
  readonly membership: Membership;
}

/**
 * Which users of a server have to do with a room, where that is many a hundred of them. To find them all members of the
 * room are looked through, so what was found is kept until one of them comes or goes.
 */
export class UsersOfServers {
  readonly #storage: Storage;
  readonly #found = createCache<string, readonly UserOfServer[]>(MAX_CACHED);
  /** Counts the changes: what was read meanwhile may be out of date, and is not kept. */
  #changes = 0;

  constructor(storage: Storage) {
    this.#storage = storage;
    storage.stream.follow((changes) => {
      for (const change of changes) {
        if (change.kind === 'membership') this.#forget(change.roomId, serverNameOf(change.userId) ?? '');
        // A room that is entered over another server brings its members all at once, and tells of their servers alone.
        else if (change.kind === 'room-server') this.#forget(change.roomId, change.serverName);
      }
    });
  }

  async of(room: RoomRecord, serverName: string): Promise<readonly UserOfServer[]> {
    const key = keyOf(room.roomId, serverName);
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const changes = this.#changes;
    const ending = `%:${serverName}`;
    const rows = await this.#storage.read(selectUsersOfServer, { roomNid: room.nid, ending, limit: MAX_USERS });
    const users = rows
      .map((row) => ({ userId: row.user_id, membership: row.membership as Membership }))
      .filter(({ userId }) => serverNameOf(userId) === serverName);
    if (changes === this.#changes) this.#found.set(key, users);
    return users;
  }

  /** Whether a user of the server is joined to the room. */
  async isAnyJoined(room: RoomRecord, serverName: string): Promise<boolean> {
    return (await this.of(room, serverName)).some(({ membership }) => membership === 'join');
  }

  #forget(roomId: string, serverName: string): void {
    this.#found.delete(keyOf(roomId, serverName));
    this.#changes++;
  }
}

function keyOf(roomId: string, serverName: string): string {
  return `${roomId} ${serverName}`;
}
