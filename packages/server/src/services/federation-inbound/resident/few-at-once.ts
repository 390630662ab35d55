import { limitExceeded } from '@limpet/protocol/matrix-error';

export interface FewAtOnceOptions {
  /** Tasks that run beside each other, one at most for each who asks. */
  readonly atOnce: number;
  /** Tasks of one who asks that may wait, and of all together. */
  readonly waitingOfOne: number;
  readonly waiting: number;
}

/**
 * Lets few large tasks run beside each other: together they would take the memory and the time of everybody. Those who
 * ask take turns, so that one who asks all the time holds up none of the others.
 */
export class FewAtOnce {
  readonly #options: FewAtOnceOptions;
  readonly #running = new Set<string>();
  /** By who asks; whose turn comes next stands first. */
  readonly #lines = new Map<string, (() => void)[]>();
  #waiting = 0;

  constructor(options: FewAtOnceOptions) {
    this.#options = options;
  }

  /** Throws M_LIMIT_EXCEEDED when too many wait already. */
  async run<T>(who: string, task: () => Promise<T>): Promise<T> {
    if (this.#mayStart(who)) this.#running.add(who);
    else await this.#turn(who);
    try {
      return await task();
    } finally {
      this.#running.delete(who);
      this.#startNext();
    }
  }

  #mayStart(who: string): boolean {
    return this.#running.size < this.#options.atOnce && !this.#running.has(who);
  }

  #turn(who: string): Promise<void> {
    const line = this.#lines.get(who) ?? [];
    if (line.length >= this.#options.waitingOfOne || this.#waiting >= this.#options.waiting) {
      throw limitExceeded('Too much of this kind is asked for just now. Try again in a moment.');
    }
    this.#lines.set(who, line);
    this.#waiting++;
    return new Promise((resolve) => line.push(resolve));
  }

  #startNext(): void {
    for (const [who, line] of this.#lines) {
      if (!this.#mayStart(who)) continue;
      const start = line.shift();
      // Behind all the others.
      this.#lines.delete(who);
      if (line.length > 0) this.#lines.set(who, line);
      this.#waiting--;
      this.#running.add(who);
      start?.();
      return;
    }
  }
}
