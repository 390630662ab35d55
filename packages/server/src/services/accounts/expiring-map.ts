import type { Clock } from '../../platform/clock.ts';

export interface ExpiringMapOptions<Value> {
  readonly clock: Clock;
  /** How long an entry lives after it was set, in milliseconds. */
  readonly lifetimeMs: number;
  /** When there are more, the oldest is forgotten. Where entries are weighed: what they may weigh together. */
  readonly maxEntries: number;
  /** For entries of very different sizes; each weighs 1, unless given. */
  readonly weightOf?: (value: Value) => number;
}

interface Entry<Value> {
  readonly value: Value;
  readonly weight: number;
  readonly endMs: number;
}

/** A bounded map whose entries die of age. Costs nothing while nobody asks: what is dead is dropped as it is met. */
export class ExpiringMap<Value> {
  readonly #options: ExpiringMapOptions<Value>;
  /** In the order they were set, which is the order in which they end. */
  readonly #entries = new Map<string, Entry<Value>>();
  #weight = 0;

  constructor(options: ExpiringMapOptions<Value>) {
    this.#options = options;
  }

  get(key: string): Value | undefined {
    this.#dropDead();
    return this.#entries.get(key)?.value;
  }

  /** Setting a key again gives it a new life. */
  set(key: string, value: Value): void {
    const { clock, lifetimeMs, maxEntries, weightOf } = this.#options;
    this.#drop(key);
    const weight = weightOf?.(value) ?? 1;
    this.#weight += weight;
    this.#entries.set(key, { value, weight, endMs: clock.monotonicMs() + lifetimeMs });
    this.#dropDead();
    while (this.#weight > maxEntries) {
      const [oldest = ''] = this.#entries.keys();
      this.#drop(oldest);
    }
  }

  /** Removes the entry and says whether it was there, alive. */
  take(key: string): boolean {
    this.#dropDead();
    return this.#drop(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  #dropDead(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [key, entry] of this.#entries) {
      if (entry.endMs > now) return;
      this.#drop(key);
    }
  }

  #drop(key: string): boolean {
    this.#weight -= this.#entries.get(key)?.weight ?? 0;
    return this.#entries.delete(key);
  }
}
