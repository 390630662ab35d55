import { percentile } from './percentile.ts';

/** Room for the first measurements; it doubles. */
const FIRST_CAPACITY = 16_384;

/** Many durations in milliseconds, cheap to add to. */
export class Durations {
  #values = new Float64Array(FIRST_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(durationMs: number): void {
    if (this.#count === this.#values.length) {
      const larger = new Float64Array(this.#values.length * 2);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#count++] = durationMs;
  }

  /** For each share the percentile, in milliseconds. */
  percentiles<Shares extends readonly number[]>(...shares: Shares): { [Index in keyof Shares]: number } {
    const sorted = this.#values.slice(0, this.#count).sort();
    return shares.map((share) => percentile(sorted, share)) as { [Index in keyof Shares]: number };
  }
}
