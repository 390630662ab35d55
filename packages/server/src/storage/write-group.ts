import type { BoundValue } from './storage-adapter.ts';

/** What is committed at once, as plain data that can cross to another thread. */
export interface WriteGroup {
  /** Counted from 1 over the life of the database; the database keeps it, so it can tell whether the group is in it. */
  readonly number: number;
  readonly batches: readonly GroupBatch[];
  /** What `writers.position` becomes. */
  readonly position: number;
}

export interface GroupBatch {
  readonly lane: string | undefined;
  readonly steps: readonly WriteStep[];
}

export interface WriteStep {
  readonly kind: 'run' | 'fetch' | 'expect';
  /** Number of the compiled statement. */
  readonly statement: number;
  readonly parameters: readonly BoundValue[];
  /** Name of what is expected, else ''. */
  readonly expectation: string;
}

export type Row = Readonly<Record<string, unknown>>;

export type BatchResult =
  /** Rows of each `fetch`, in order. */
  | { readonly outcome: 'committed'; readonly rows: readonly (readonly Row[])[] }
  | { readonly outcome: 'expectation-failed'; readonly expectation: string }
  /** A batch before it in the same lane failed. */
  | { readonly outcome: 'stale' }
  /** A constraint is broken, or the statement is wrong. */
  | { readonly outcome: 'statement-failed'; readonly message: string; readonly sql: string };

/**
 * The one that writes: in a thread, over a connection. Groups come one at a time. A batch that fails takes along those
 * behind it in its lane and nothing else; the others of the group are committed.
 */
export interface GroupWriter {
  /**
   * The results, one for each batch, once they are on disk.
   * @throws StorageFailure when nothing of the group is committed, or when that cannot be told.
   */
  commit(group: WriteGroup): Promise<readonly BatchResult[]>;
  close(): Promise<void>;
}
