import { createCache } from '../../cache/create-cache.ts';
import type { PublishedChange } from '../../storage/change.ts';
import { selectJoinedUserOfServer } from '../../storage/queries/event-presence.ts';
import { selectJoinedRoomsOfUsers } from '../../storage/queries/remote-devices.ts';
import type { Storage } from '../../storage/storage.ts';

/** Rooms of which it is known whether a user of this server is in them. */
const MAX_KNOWN_ROOMS = 20_000;

/**
 * Which users of other servers share a room with some user of this one: their servers tell us when their devices
 * change, and those of nobody else.
 */
export class SharedUsers {
  readonly #storage: Storage;
  readonly #suffix: string;
  readonly #known = createCache<string, boolean>(MAX_KNOWN_ROOMS);
  /** Changes that were published, to tell whether one came while a room was looked up. */
  #changes = 0;

  constructor(storage: Storage, serverName: string) {
    this.#storage = storage;
    this.#suffix = `:${serverName}`;
    storage.stream.follow((changes) => this.#note(changes));
  }

  isLocal(userId: string): boolean {
    return userId.endsWith(this.#suffix);
  }

  /** Those of these users who do. */
  async amongst(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    const shared = new Set<string>();
    if (userIds.length === 0) return shared;
    for (const row of await this.#storage.read(selectJoinedRoomsOfUsers, { userIds })) {
      if (!shared.has(row.user_id) && (await this.isLocalIn({ roomId: row.room_id, nid: row.room_nid }))) {
        shared.add(row.user_id);
      }
    }
    return shared;
  }

  /** Whether a user of this server is in the room. */
  async isLocalIn({ roomId, nid: roomNid }: { readonly roomId: string; readonly nid: number }): Promise<boolean> {
    const known = this.#known.get(roomId);
    if (known !== undefined) return known;
    const changesBefore = this.#changes;
    const isIn = (await this.#storage.read(selectJoinedUserOfServer, { roomNid, suffix: this.#suffix })).length > 0;
    if (this.#changes === changesBefore) this.#known.set(roomId, isIn);
    return isIn;
  }

  #note(changes: readonly PublishedChange[]): void {
    for (const change of changes) {
      if (change.kind !== 'membership' || !this.isLocal(change.userId)) continue;
      this.#changes++;
      this.#known.delete(change.roomId);
    }
  }
}
