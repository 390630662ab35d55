/**
 * Which rooms are being joined over other servers just now. What those servers send of such a room is not to be refused
 * as of a room that nobody here is in: it waits until the join has ended (E2).
 */
export class JoiningRooms {
  /** Joins under way, by room: several users may be on their way into one. */
  readonly #joins = new Map<string, number>();
  readonly #listeners = new Set<(roomId: string) => void>();

  /** From before the first word that another server could take as a join. Each `begin` has its `end`. */
  begin(roomId: string): void {
    this.#joins.set(roomId, (this.#joins.get(roomId) ?? 0) + 1);
  }

  /** The join is in the database, or it failed. */
  end(roomId: string): void {
    const joins = this.#joins.get(roomId);
    if (joins === undefined) throw new Error(`No join of ${roomId} is under way`);
    if (joins > 1) {
      this.#joins.set(roomId, joins - 1);
      return;
    }
    this.#joins.delete(roomId);
    for (const listener of this.#listeners) listener(roomId);
  }

  has(roomId: string): boolean {
    return this.#joins.has(roomId);
  }

  /** Called when the last join of a room has ended, well or not. It must not throw. Gives what undoes it. */
  onEnd(listener: (roomId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
