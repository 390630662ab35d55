/** Called with the name of a server that is there. It must be quick: it may come with every request. */
export type HeardFromListener = (serverName: string) => void;

/** Tells who waits for other servers that one of them was heard from. */
export class HeardServers {
  readonly #listeners = new Set<HeardFromListener>();

  /** Gives what ends it. */
  follow(listener: HeardFromListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  tell(serverName: string): void {
    for (const listener of this.#listeners) listener(serverName);
  }
}
