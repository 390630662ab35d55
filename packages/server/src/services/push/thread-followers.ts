/**
 * Subscriptions to threads of one room that are kept in memory; who has further ones is not notified by the rule for
 * them.
 */
const MAX_SUBSCRIPTIONS = 100_000;

const NOBODY: ReadonlySet<string> = new Set();

/** Who of this server's users is subscribed to which threads of one room (MSC4306). */
export class ThreadFollowers {
  /** Whose subscriptions are to be read before the next event. */
  readonly pending: Set<string>;
  readonly #byRoot = new Map<string, Set<string>>();
  readonly #byUser = new Map<string, readonly string[]>();
  #count = 0;

  constructor(pending: Iterable<string>) {
    this.pending = new Set(pending);
  }

  /** Who is subscribed to the thread of this root. */
  of(rootId: string): ReadonlySet<string> {
    return this.#byRoot.get(rootId) ?? NOBODY;
  }

  /** Takes what was read of these users: all of their subscriptions in the room. */
  note(userIds: readonly string[], rows: readonly { user_id: string; root_id: string }[]): void {
    for (const userId of userIds) this.#forget(userId);
    for (const [userId, ofUser] of Map.groupBy(rows, (row) => row.user_id)) {
      const rootIds = ofUser.map((row) => row.root_id).slice(0, MAX_SUBSCRIPTIONS - this.#count);
      if (rootIds.length === 0) continue;
      this.#byUser.set(userId, rootIds);
      this.#count += rootIds.length;
      for (const rootId of rootIds) {
        const users = this.#byRoot.get(rootId);
        if (users === undefined) this.#byRoot.set(rootId, new Set([userId]));
        else users.add(userId);
      }
    }
  }

  #forget(userId: string): void {
    const rootIds = this.#byUser.get(userId) ?? [];
    this.#byUser.delete(userId);
    this.#count -= rootIds.length;
    for (const rootId of rootIds) {
      const users = this.#byRoot.get(rootId);
      users?.delete(userId);
      if (users?.size === 0) this.#byRoot.delete(rootId);
    }
  }
}
