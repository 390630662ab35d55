import { selectJoinedRoomsOfUsers } from '../../storage/queries/remote-devices.ts';
import type { Storage } from '../../storage/storage.ts';
import { LocalMembers } from '../rooms/local-members.ts';

/**
 * Which users of other servers share a room with some user of this one: their servers tell us when their devices
 * change, and those of nobody else.
 */
export class SharedUsers {
  readonly #storage: Storage;
  readonly #suffix: string;
  readonly #localMembers: LocalMembers;

  constructor(storage: Storage, serverName: string) {
    this.#storage = storage;
    this.#suffix = `:${serverName}`;
    this.#localMembers = new LocalMembers(storage, serverName);
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
  isLocalIn(room: { readonly roomId: string; readonly nid: number }): Promise<boolean> {
    return this.#localMembers.areIn(room);
  }
}
