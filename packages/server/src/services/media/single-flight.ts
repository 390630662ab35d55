export interface Flight<Value> {
  /** What was done before. Looked for once more: whoever asks may have looked just before another flight ended. */
  readonly find: () => Promise<Value | undefined>;
  readonly make: () => Promise<Value>;
}

/** Does a thing once for all who want it, unless it is done already. Each gets its value, or its error. */
export class SingleFlight<Value> {
  readonly #underWay = new Map<string, Promise<Value>>();

  run(key: string, { find, make }: Flight<Value>): Promise<Value> {
    const before = this.#underWay.get(key);
    if (before !== undefined) return before;
    const flight = find()
      .then((found) => found ?? make())
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, flight);
    return flight;
  }
}
