/** One at a time, in the order they came. Whoever keeps one bounds how many may wait. */
export class TurnQueue {
  #isTaken = false;
  readonly #waiting: (() => void)[] = [];

  /** `undefined` when it is the caller's turn at once, else what to wait for. Each turn ends with `leave`. */
  enter(): Promise<void> | undefined {
    if (!this.#isTaken) {
      this.#isTaken = true;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }
}
