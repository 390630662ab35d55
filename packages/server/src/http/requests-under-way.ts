import { limitExceeded } from '@limpet/protocol/matrix-error';

/** Counts what is under way, by key, and refuses more than so much of one key. Keeps nothing of who has nothing. */
export class RequestsUnderWay {
  readonly #maxPerKey: number;
  readonly #counts = new Map<string, number>();

  constructor(maxPerKey: number) {
    this.#maxPerKey = maxPerKey;
  }

  /** Throws M_LIMIT_EXCEEDED instead of running the task. */
  async run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#maxPerKey) {
      throw limitExceeded('Too many requests from there are being verified just now. Try again in a moment.');
    }
    this.#counts.set(key, count + 1);
    try {
      return await task();
    } finally {
      const left = (this.#counts.get(key) ?? 1) - 1;
      if (left === 0) this.#counts.delete(key);
      else this.#counts.set(key, left);
    }
  }
}
