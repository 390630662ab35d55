/**
 * Gives back its least item first, by `compare` (a binary heap: both operations cost the logarithm of the size). Items
 * that compare equal come in no promised order. It is as large as what is pushed into it; who uses it bounds that.
 */
export class PriorityQueue<Item> {
  private readonly heap: Item[] = [];
  private readonly compare: (left: Item, right: Item) => number;

  constructor(compare: (left: Item, right: Item) => number) {
    this.compare = compare;
  }

  push(item: Item): void {
    let index = this.heap.length;
    this.heap.push(item);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.heap[parentIndex];
      if (parent === undefined || this.compare(parent, item) <= 0) break;
      this.heap[index] = parent;
      index = parentIndex;
    }
    this.heap[index] = item;
  }

  /** Takes the least item out; `undefined` where none is left. */
  pop(): Item | undefined {
    const least = this.heap[0];
    const last = this.heap.pop();
    if (last !== undefined && this.heap.length > 0) this.sink(last);
    return least;
  }

  /** Puts the item at the top, from where it goes down to its place. */
  private sink(item: Item): void {
    let index = 0;
    for (;;) {
      const childIndex = this.lesserChild(index);
      const child = this.heap[childIndex];
      if (child === undefined || this.compare(item, child) <= 0) break;
      this.heap[index] = child;
      index = childIndex;
    }
    this.heap[index] = item;
  }

  private lesserChild(index: number): number {
    const left = this.heap[2 * index + 1];
    const right = this.heap[2 * index + 2];
    if (left === undefined || right === undefined) return 2 * index + 1;
    return this.compare(right, left) < 0 ? 2 * index + 2 : 2 * index + 1;
  }
}
