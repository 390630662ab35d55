import { selectErasedUsers } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';

/**
 * Users who asked to be forgotten, all in memory: whoever shows an event asks who sent it. Some 200 bytes each.
 * Specification: client-server API, "POST /_matrix/client/v3/account/deactivate", `erase`.
 */
export class Erasures {
  readonly #storage: Storage;
  readonly #positions = new Map<string, number>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  async load(): Promise<void> {
    for (const row of await this.#storage.read(selectErasedUsers, {})) {
      this.#positions.set(row.user_id, row.erased_position ?? 0);
    }
  }

  /** To be called once it is on disk. */
  note(userId: string, position: number): void {
    this.#positions.set(userId, position);
  }

  /** Where in the stream this user was erased: who was in the room by then goes on seeing; `undefined` for others. */
  erasedAt(userId: string): number | undefined {
    return this.#positions.get(userId);
  }
}
