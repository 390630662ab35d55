import type { GroupBatch } from './write-group.ts';

/** Statements of one group: some 10 ms of work, which is what the first of the next group waits for. */
const MAX_GROUP_STATEMENTS = 2_000;
/** What may wait for the disk, as statements and as batches: a second or two of work. Beyond it a write is refused. */
const MAX_QUEUED_STATEMENTS = 100_000;
const MAX_QUEUED_BATCHES = 20_000;

/** Batches that wait for the disk, in the order they came. */
export interface WriteQueue<Batch extends GroupBatch> {
  isEmpty(): boolean;
  isFull(): boolean;
  add(batch: Batch): void;
  /** Takes the next group out. */
  takeGroup(): Batch[];
  /** Takes out all of one lane. */
  takeLane(lane: string): Batch[];
}

export function createWriteQueue<Batch extends GroupBatch>(): WriteQueue<Batch> {
  let queue: Batch[] = [];
  let statements = 0;

  function countOut(batches: readonly Batch[]): void {
    for (const batch of batches) statements -= batch.steps.length;
  }

  return {
    isEmpty: () => queue.length === 0,
    isFull: () => queue.length >= MAX_QUEUED_BATCHES || statements >= MAX_QUEUED_STATEMENTS,
    add(batch) {
      queue.push(batch);
      statements += batch.steps.length;
    },
    takeGroup() {
      const count = sizeOfGroup(queue);
      const group = queue.slice(0, count);
      queue = queue.slice(count);
      countOut(group);
      return group;
    },
    takeLane(lane) {
      const taken = queue.filter((batch) => batch.lane === lane);
      queue = queue.filter((batch) => batch.lane !== lane);
      countOut(taken);
      return taken;
    },
  };
}

/** As many as fit; one alone always does. */
function sizeOfGroup(queue: readonly GroupBatch[]): number {
  let statements = 0;
  for (const [index, batch] of queue.entries()) {
    statements += batch.steps.length;
    if (index > 0 && statements > MAX_GROUP_STATEMENTS) return index;
  }
  return queue.length;
}
