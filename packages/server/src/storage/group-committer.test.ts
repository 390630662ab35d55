import { describe, expect, test } from 'vitest';
import type { PublishedChange } from './change.ts';
import { createGroupCommitter, type PendingBatch } from './group-committer.ts';
import { StaleBatch, StorageFailure } from './storage.ts';
import type { BatchResult, GroupBatch, WriteGroup, WriteStep } from './write-group.ts';

/** A committer over a writer that answers when the test says so, and everything it did, in order. */
function createScene({ savedPosition = 0 } = {}) {
  const said: string[] = [];
  const groups: WriteGroup[] = [];
  const waiting: PromiseWithResolvers<readonly BatchResult[]>[] = [];
  const published: number[] = [];
  let last = savedPosition;
  let commits = 0;
  const committer = createGroupCommitter({
    savedPosition,
    lastGroup: 10,
    publish(upTo, changes) {
      said.push(`published up to ${upTo}`);
      published.push(...changes.map((change) => change.position));
    },
    countCommit: () => {
      commits++;
    },
    writer: {
      commit(group) {
        groups.push(group);
        const answer = Promise.withResolvers<readonly BatchResult[]>();
        waiting.push(answer);
        return answer.promise;
      },
      async close() {
        said.push('closed');
      },
    },
  });

  /** Queues a batch with one change; `steps` is how many statements it has. */
  function enqueue(name: string, { steps = 1, lane = undefined as string | undefined } = {}): void {
    last++;
    const changes: PublishedChange[] = [{ kind: 'typing', roomId: '!r', writer: 1, position: last }];
    const batch: PendingBatch = {
      lane,
      steps: Array.from({ length: steps }, () => STEP),
      lastNumber: last,
      changes,
      settle: (result) => said.push(`${name}: ${result instanceof Error ? result.name : result.outcome}`),
    };
    committer.enqueue(batch);
  }
  async function answerWith(results: readonly BatchResult[]): Promise<void> {
    waiting.shift()?.resolve(results);
    await settled();
  }
  /** The writer's answer to the group it was given last; everything committed unless told otherwise. */
  async function answer(decide: (batch: GroupBatch, index: number) => BatchResult = () => COMMITTED): Promise<void> {
    await answerWith(groups.at(-1)?.batches.map(decide) ?? []);
  }
  async function fail(error: Error): Promise<void> {
    waiting.shift()?.reject(error);
    await settled();
  }
  return { committer, said, groups, published, enqueue, answer, answerWith, fail, commits: () => commits };
}

const STEP: WriteStep = { kind: 'run', statement: 0, parameters: [], expectation: '' };
const COMMITTED: BatchResult = { outcome: 'committed', rows: [] };

/** All that can happen without the writer has happened. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const sizes = (groups: readonly WriteGroup[]) => groups.map((group) => group.batches.length);

describe('groups', () => {
  test('what comes in one turn is one group; what comes while it is written is the next', async () => {
    const { groups, enqueue, answer, said } = createScene();
    enqueue('a');
    enqueue('b');
    await settled();
    for (const name of ['c', 'd', 'e']) enqueue(name);
    await settled();
    expect(sizes(groups)).toEqual([2]);
    await answer();
    expect(sizes(groups)).toEqual([2, 3]);
    await answer();
    expect(said).toEqual([
      'published up to 2',
      'a: committed',
      'b: committed',
      'published up to 5',
      'c: committed',
      'd: committed',
      'e: committed',
    ]);
    expect(groups.map((group) => group.number)).toEqual([11, 12]);
  });

  test('a group has at most 2,000 statements, unless one batch alone has more', async () => {
    const { groups, enqueue, answer } = createScene();
    for (const steps of [1_500, 500, 1, 5_000, 1]) enqueue('batch', { steps });
    await settled();
    for (let group = 0; group < 4; group++) await answer();
    expect(sizes(groups)).toEqual([2, 1, 1, 1]);
  });

  test('a writer that does not answer for each batch is a fault of ours: the group fails', async () => {
    const { enqueue, answerWith, said } = createScene();
    enqueue('a');
    enqueue('b');
    await settled();
    await answerWith([COMMITTED]);
    expect(said).toEqual(['a: StorageFailure', 'b: StorageFailure']);
  });
});

describe('positions', () => {
  test('the database keeps them ahead, so that a change without rows needs no commit', async () => {
    const { groups, enqueue, answer, said, commits } = createScene({ savedPosition: 500 });
    enqueue('first', { steps: 0 });
    await settled();
    expect(groups).toMatchObject([{ position: 501 + 1_000, batches: [{ steps: [] }] }]);
    await answer();
    for (let count = 0; count < 1_000; count++) enqueue('within', { steps: 0 });
    await settled();
    expect(groups).toHaveLength(1);
    expect(said.filter((line) => line === 'within: committed')).toHaveLength(1_000);
    enqueue('beyond', { steps: 0 });
    await settled();
    expect(groups[1]).toMatchObject({ position: 1_502 + 1_000 });
    await answer();
    expect(said.at(-1)).toBe('beyond: committed');
    expect(commits()).toBe(2);
  });

  test('a clean close keeps the last one exactly', async () => {
    const { committer, groups, enqueue, answer, said } = createScene();
    enqueue('a');
    const closed = committer.close();
    await settled();
    await answer();
    await answer();
    await closed;
    expect(groups.map((group) => group.position)).toEqual([1_001, 1]);
    expect(said).toEqual(['published up to 1', 'a: committed', 'closed']);
    expect(() => committer.checkRoom()).toThrow(StorageFailure);
  });

  test('those of failed batches are skipped, and never given out again', async () => {
    const { committer, groups, enqueue, answer, fail, published } = createScene();
    enqueue('a');
    enqueue('b');
    enqueue('c');
    await settled();
    await answer((_, index) => (index === 1 ? { outcome: 'expectation-failed', expectation: 'x' } : COMMITTED));
    expect(published).toEqual([1, 3]);
    enqueue('lost');
    await settled();
    await fail(new StorageFailure('the disk is full', undefined));
    const closed = committer.close();
    await settled();
    await answer();
    await closed;
    expect(groups.map((group) => [group.number, group.position])).toEqual([
      [11, 1_003],
      [12, 1_004],
      [13, 4],
    ]);
  });
});

describe('failures', () => {
  test('a failed batch makes those of its lane stale that were queued before this was known', async () => {
    const { groups, enqueue, answer, said } = createScene();
    enqueue('a', { lane: 'room' });
    await settled();
    enqueue('b', { lane: 'room' });
    enqueue('c', { lane: 'other' });
    enqueue('d');
    await settled();
    await answer(() => ({ outcome: 'statement-failed', message: 'm', sql: 's' }));
    expect(said).toEqual(['published up to 1', 'a: statement-failed', 'b: StaleBatch']);
    expect(sizes(groups)).toEqual([1, 2]);
    enqueue('e', { lane: 'room' });
    await answer();
    await answer();
    expect(said.slice(3)).toEqual([
      'published up to 4',
      'c: committed',
      'd: committed',
      'published up to 5',
      'e: committed',
    ]);
  });

  test('a group that is lost fails all its batches, makes their lanes stale, and the next is written', async () => {
    const { groups, enqueue, fail, answer, said } = createScene();
    enqueue('a', { lane: 'room' });
    enqueue('b');
    await settled();
    enqueue('c', { lane: 'room' });
    enqueue('d');
    await fail(new StorageFailure('the disk is full', undefined));
    expect(said).toEqual(['a: StorageFailure', 'b: StorageFailure', 'c: StaleBatch']);
    expect(sizes(groups)).toEqual([2, 1]);
    await answer();
    expect(said.slice(3)).toEqual(['published up to 4', 'd: committed']);
  });

  test('StaleBatch names the lane', () => {
    expect(new StaleBatch('!room').message).toContain('"!room"');
  });
});

describe('back-pressure', () => {
  test('too many batches, or statements, waiting: the next is refused until there is room', async () => {
    for (const { batches, steps } of [
      { batches: 20_000, steps: 1 },
      { batches: 10, steps: 10_000 },
    ]) {
      const { committer, enqueue, answer } = createScene();
      enqueue('in flight');
      await settled();
      for (let count = 1; count < batches; count++) enqueue('waiting', { steps });
      expect(() => committer.checkRoom()).not.toThrow();
      enqueue('the last one', { steps });
      expect(() => committer.checkRoom()).toThrow(
        expect.objectContaining({ errcode: 'M_LIMIT_EXCEEDED', extra: { retry_after_ms: 1_000 } }),
      );
      await answer();
      await answer();
      expect(() => committer.checkRoom()).not.toThrow();
    }
  });
});
