import { limitExceeded } from '@limpet/protocol/matrix-error';
import type { PublishedChange } from './change.ts';
import { StaleBatch, StorageFailure } from './storage.ts';
import type { BatchResult, GroupBatch, GroupWriter } from './write-group.ts';
import { createWriteQueue, type WriteQueue } from './write-queue.ts';

/**
 * The database keeps a position this much ahead of the last one given out. So a change that writes no rows (typing)
 * needs no commit for its position, and after a crash no position is given out twice. A clean close leaves no gap.
 */
const RESERVED_POSITIONS = 1_000;

export interface PendingBatch extends GroupBatch {
  /** The last number given out when it was queued. */
  readonly lastNumber: number;
  readonly changes: readonly PublishedChange[];
  /** Kept when its steps are complete; it keeps its place in the order meanwhile. */
  readonly ready?: Promise<void> | undefined;
  /** Told once, after publication. */
  settle(result: BatchResult | StaleBatch | StorageFailure): void;
}

export interface GroupCommitter {
  /** @throws MatrixError M_LIMIT_EXCEEDED when too much is waiting for the disk; StorageFailure when it is closed. */
  checkRoom(): void;
  enqueue(batch: PendingBatch): void;
  /** Commits what is queued; refuses what comes after. */
  close(): Promise<void>;
}

export interface GroupCommitterParts {
  readonly writer: GroupWriter;
  /** What the database keeps of this writer: the position in it, and the number of the last group. */
  readonly savedPosition: number;
  readonly lastGroup: number;
  /** Called after each group, before its batches are settled: all up to this number is committed or will never be. */
  publish(upTo: number, changes: readonly PublishedChange[]): void;
  /** Called for each group that was on disk. */
  countCommit(): void;
}

/**
 * Group commit: while one group is being written, whatever comes waits, and is the next group. One sender waits for one
 * fsync; a hundred senders share it. What is queued in the same turn of the event loop goes into the same group.
 */
export function createGroupCommitter(parts: GroupCommitterParts): GroupCommitter {
  const queue = createWriteQueue<PendingBatch>();
  let { savedPosition, lastGroup } = parts;
  let lastNumber = savedPosition;
  let running: Promise<void> | undefined;
  let isClosed = false;

  async function commitGroup(group: readonly PendingBatch[], position: number): Promise<readonly BatchResult[]> {
    await Promise.all(group.map(({ ready }) => ready));
    const batches = group.map(({ lane, steps }) => ({ lane, steps }));
    // A number is never used twice, so that after a lost connection it says whether this very group was committed.
    lastGroup++;
    const results = await parts.writer.commit({ number: lastGroup, batches, position });
    if (results.length !== group.length) throw new Error('The writer did not answer for each batch');
    savedPosition = position;
    parts.countCommit();
    return results;
  }

  async function commitNext(): Promise<void> {
    const group = queue.takeGroup();
    lastNumber = group.at(-1)?.lastNumber ?? lastNumber;
    const needsCommit = lastNumber > savedPosition || group.some((batch) => batch.steps.length > 0);
    let results: readonly BatchResult[];
    try {
      results = needsCommit
        ? await commitGroup(group, Math.max(savedPosition, lastNumber + RESERVED_POSITIONS))
        : group.map(() => ({ outcome: 'committed', rows: [] }));
    } catch (error) {
      refuseGroup(queue, group, error);
      return;
    }
    parts.publish(lastNumber, changesOf(group, results));
    settleGroup(queue, group, results);
  }

  async function run(): Promise<void> {
    // Whoever else writes in this turn of the event loop is in the first group too.
    await Promise.resolve();
    while (!queue.isEmpty()) await commitNext();
    running = undefined;
  }

  return {
    checkRoom() {
      if (isClosed) throw new StorageFailure('The database is closed', undefined);
      if (!queue.isFull()) return;
      throw limitExceeded('More is being written than the disk can take. Try again.');
    },
    enqueue(batch) {
      // Told when its group is to be written; until then it is nobody's failure yet.
      batch.ready?.catch(() => undefined);
      queue.add(batch);
      running ??= run();
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      await running;
      try {
        if (savedPosition !== lastNumber) await commitGroup([], lastNumber);
      } finally {
        await parts.writer.close();
      }
    },
  };
}

function changesOf(group: readonly PendingBatch[], results: readonly BatchResult[]): PublishedChange[] {
  return group.flatMap((batch, index) => (results[index]?.outcome === 'committed' ? batch.changes : []));
}

type Queue = WriteQueue<PendingBatch>;

function settleGroup(queue: Queue, group: readonly PendingBatch[], results: readonly BatchResult[]): void {
  for (const [index, result] of results.entries()) {
    const batch = group[index];
    batch?.settle(result);
    if (result.outcome !== 'committed') rejectLane(queue, batch?.lane);
  }
}

function refuseGroup(queue: Queue, group: readonly PendingBatch[], error: unknown): void {
  const failure = error instanceof StorageFailure ? error : new StorageFailure('The group was not written', error);
  for (const batch of group) batch.settle(failure);
  for (const lane of new Set(group.map((batch) => batch.lane))) rejectLane(queue, lane);
}

/** Those that rest on a failed batch and were queued before that was known. */
function rejectLane(queue: Queue, lane: string | undefined): void {
  if (lane === undefined) return;
  for (const batch of queue.takeLane(lane)) batch.settle(new StaleBatch(lane));
}
