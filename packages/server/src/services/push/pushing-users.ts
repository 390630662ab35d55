import { selectPusher, selectPushersOfUser, selectUsersWithPushers } from '../../storage/queries/pushers.ts';
import type { Storage } from '../../storage/storage.ts';
import { type Pusher, readPusher } from './pusher.ts';

/** Users that one statement reads at the start. */
const USERS_PER_READ = 5_000;

/**
 * Which users have pushers, in memory: it is asked at each event. One who has some is never missing; one who has none
 * any more stays until the next start, and costs a look at the table for each of his notifications.
 */
export class PushingUsers {
  readonly #storage: Storage;
  readonly #users = new Set<string>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Once, before any event is written. */
  async load(): Promise<void> {
    let after = '';
    for (;;) {
      const rows = await this.#storage.read(selectUsersWithPushers, { after, limit: USERS_PER_READ });
      for (const row of rows) this.#users.add(row.user_id);
      const last = rows.at(-1);
      if (last === undefined || rows.length < USERS_PER_READ) return;
      after = last.user_id;
    }
  }

  has(userId: string): boolean {
    return this.#users.has(userId);
  }

  /** Those of these users who have pushers. */
  among(userIds: ReadonlySet<string>): string[] {
    const [few, many] = this.#users.size < userIds.size ? [this.#users, userIds] : [userIds, this.#users];
    return [...few].filter((userId) => many.has(userId));
  }

  /** To be called before the pusher is written. */
  add(userId: string): void {
    this.#users.add(userId);
  }

  async pusher(pusherNid: number): Promise<Pusher | undefined> {
    const [row] = await this.#storage.read(selectPusher, { pusherNid });
    return row && readPusher(row);
  }

  /** The pushers of a user, from the table. */
  async pushersOf(userId: string): Promise<readonly Pusher[]> {
    return (await this.#storage.read(selectPushersOfUser, { userId })).map(readPusher);
  }
}
