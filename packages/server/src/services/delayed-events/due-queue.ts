/** What waits in a queue; the queue alone writes these two. */
export interface Queued {
  /** When it is due, on the monotonic clock. */
  queueMs: number;
  /** Where it is in the queue, -1 while it is in none. */
  queueIndex: number;
}

/** What is due next comes first: a binary heap whose items know their place, so that each can be moved. */
export class DueQueue<Item extends Queued> {
  readonly #heap: Item[] = [];

  get first(): Item | undefined {
    return this.#heap[0];
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Puts it in, or moves what is in there already. */
  put(item: Item, dueMs: number): void {
    const isLater = item.queueIndex !== -1 && dueMs > item.queueMs;
    item.queueMs = dueMs;
    if (item.queueIndex === -1) item.queueIndex = this.#heap.push(item) - 1;
    if (isLater) this.#sink(item);
    else this.#rise(item);
  }

  /** Takes it out; one that is not in there is out already. */
  remove(item: Item): void {
    const index = item.queueIndex;
    if (index === -1) return;
    item.queueIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === item) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(item: Item): void {
    while (item.queueIndex > 0) {
      const above = this.#heap[(item.queueIndex - 1) >> 1];
      if (above === undefined || above.queueMs <= item.queueMs) return;
      this.#swap(item, above);
    }
  }

  #sink(item: Item): void {
    for (;;) {
      const left = this.#heap[2 * item.queueIndex + 1];
      const right = this.#heap[2 * item.queueIndex + 2];
      const sooner = right !== undefined && left !== undefined && right.queueMs < left.queueMs ? right : left;
      if (sooner === undefined || sooner.queueMs >= item.queueMs) return;
      this.#swap(sooner, item);
    }
  }

  #swap(rising: Item, sinking: Item): void {
    const index = sinking.queueIndex;
    this.#place(sinking, rising.queueIndex);
    this.#place(rising, index);
  }

  #place(item: Item, index: number): void {
    this.#heap[index] = item;
    item.queueIndex = index;
  }
}
