import { limitExceeded } from '@limpet/protocol/matrix-error';

export interface FewAtOnceOptions {
  readonly atOnce: number;
  readonly waiting: number;
}

/** Lets few large tasks run beside each other: together they would take the memory and the time of everybody. */
export class FewAtOnce {
  readonly #options: FewAtOnceOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: FewAtOnceOptions) {
    this.#options = options;
  }

  /** Throws M_LIMIT_EXCEEDED when too many wait already. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.atOnce) this.#running++;
    else await this.#turn();
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#options.waiting) {
      throw limitExceeded('Too many servers ask for the state of rooms just now. Try again.');
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
