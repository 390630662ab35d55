/** Does a thing once for all who want it while it is being done. Each gets its value, or its error. */
export class SingleFlight<Value> {
  readonly #underWay = new Map<string, Promise<Value>>();

  run(key: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.#underWay.get(key);
    if (before !== undefined) return before;
    const flight = work().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, flight);
    return flight;
  }
}
