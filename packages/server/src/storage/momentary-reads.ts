import type { Stream } from './stream.ts';

/** Reads kept until the next publication; when there are more, it begins anew. */
const MAX_KEPT = 1_000;

/**
 * Reads once for all who ask the same before anything else is published: a thousand clients that wait in a room all ask
 * for the same when an event comes. After the next publication (of a redaction, say) it reads anew. Make it before
 * whoever wakes clients by following the stream.
 */
export class MomentaryReads<Value> {
  readonly #kept = new Map<string, Promise<Value>>();

  constructor(stream: Stream) {
    stream.follow(() => this.#kept.clear());
  }

  /** What `read` gives, or gave when it was last called for this key. */
  once(key: string, read: () => Promise<Value>): Promise<Value> {
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    const reading = read();
    this.#kept.set(key, reading);
    reading.catch(() => {
      // Whoever asked is told; the next one reads again.
      if (this.#kept.get(key) === reading) this.#kept.delete(key);
    });
    return reading;
  }
}
