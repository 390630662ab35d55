import type { Clock } from '../../platform/clock.ts';

export interface ExpiringMapOptions {
  readonly clock: Clock;
  /** How long an entry lives after it was set, in milliseconds. */
  readonly lifetimeMs: number;
  /** When there are more, the oldest is forgotten. */
  readonly maxEntries: number;
}

/** A bounded map whose entries die of age. Costs nothing while nobody asks: what is dead is dropped as it is met. */
export class ExpiringMap<Value> {
  readonly #options: ExpiringMapOptions;
  /** In the order they were set, which is the order in which they end. */
  readonly #entries = new Map<string, { readonly value: Value; readonly endMs: number }>();

  constructor(options: ExpiringMapOptions) {
    this.#options = options;
  }

  get(key: string): Value | undefined {
    this.#dropDead();
    return this.#entries.get(key)?.value;
  }

  /** Setting a key again gives it a new life. */
  set(key: string, value: Value): void {
    const { clock, lifetimeMs, maxEntries } = this.#options;
    this.#entries.delete(key);
    this.#entries.set(key, { value, endMs: clock.monotonicMs() + lifetimeMs });
    this.#dropDead();
    while (this.#entries.size > maxEntries) {
      const [oldest = ''] = this.#entries.keys();
      this.#entries.delete(oldest);
    }
  }

  /** Removes the entry and says whether it was there, alive. */
  take(key: string): boolean {
    this.#dropDead();
    return this.#entries.delete(key);
  }

  get size(): number {
    return this.#entries.size;
  }

  #dropDead(): void {
    const now = this.#options.clock.monotonicMs();
    for (const [key, entry] of this.#entries) {
      if (entry.endMs > now) return;
      this.#entries.delete(key);
    }
  }
}
