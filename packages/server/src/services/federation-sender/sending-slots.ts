import { createCache } from '../../cache/create-cache.ts';

/** Requests under way to servers that answered the last time, and to those that did not or are new. */
const MAX_PROVEN = 500;
const MAX_UNPROVEN = 100;
/** Servers known to answer. */
const MAX_KNOWN = 20_000;

/**
 * How many servers are written to at once: connections are few. Those that may be dead, which take a minute to fail,
 * have slots of their own, so that a thousand of them do not keep those from being told that are there.
 */
export class SendingSlots {
  readonly #proven = createCache<string, true>(MAX_KNOWN);
  readonly #gates = { proven: new Gate(MAX_PROVEN), unproven: new Gate(MAX_UNPROVEN) };

  noteSuccess(serverName: string): void {
    this.#proven.set(serverName, true);
  }

  noteFailure(serverName: string): void {
    this.#proven.delete(serverName);
  }

  /** Waits for a slot; gives what frees it. */
  async enter(serverName: string): Promise<() => void> {
    const gate = this.#proven.has(serverName) ? this.#gates.proven : this.#gates.unproven;
    await gate.enter();
    return () => gate.leave();
  }

  /** Lets all in who wait: they find that everything stops. */
  open(): void {
    this.#gates.proven.open();
    this.#gates.unproven.open();
  }
}

class Gate {
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  enter(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }

  open(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
    this.#free = Number.POSITIVE_INFINITY;
  }
}
