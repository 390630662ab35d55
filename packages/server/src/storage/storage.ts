import type { Change } from './change.ts';
import type { QueryBuilder } from './queries/query-builder.ts';
import type { CompiledRead, SqlParameters, Statement } from './statement.ts';
import type { SearchTerms } from './storage-adapter.ts';
import type { Stream } from './stream.ts';

export type { CompiledRead } from './statement.ts';

/**
 * The one place where data are kept. Reads are asynchronous and see the latest commit; writes are batches of
 * statements that were decided before they are queued (load first, decide second), committed in the order they were
 * queued, several batches to one fsync (group commit).
 *
 * A read may see rows that are committed and not yet published. Whoever answers up to a token bounds the read by it.
 */
export interface Storage {
  read<P extends SqlParameters, R>(statement: Statement<P, R>, parameters: P): Promise<R[]>;
  /**
   * For what has to be put together at run time (filters): a query compiled by Kysely, see
   * `queries/query-builder.ts`.
   */
  readCompiled<R>(query: CompiledRead<R>): Promise<R[]>;
  /**
   * Queues a batch. `build` runs at once, synchronously, and says what to write; the promise is kept when it is on disk
   * (fsync) and its changes are published. A batch is all or nothing, apart from the others of its group.
   *
   * @throws ExpectationFailed when an `expect` of the batch did not hold. Nothing of the batch was written.
   * @throws StatementFailed when a constraint does not hold or a statement is wrong (our fault). Nothing was written.
   * @throws MatrixError M_LIMIT_EXCEEDED when too much is waiting for the disk. `build` was not called.
   * @throws StaleBatch when an earlier batch with the same `lane` failed after this one was queued.
   * @throws StorageFailure when the database could not write (disk full, connection lost).
   */
  write<T>(build: (transaction: WriteTransaction) => T, options?: WriteOptions): Promise<Committed<T>>;
  readonly stream: Stream;
  /**
   * Builds reads at run time, in the words of this database; `compileRead` makes them ready for `readCompiled`. Loaded
   * when it is first asked for.
   */
  builder(): Promise<QueryBuilder>;
  /** Writes what full-text search is asked, for `:query{asSearchQuery}`. */
  searchQuery(terms: SearchTerms): string;
  /** This database's own short name (6 characters), made when it was created; stands in every token. */
  readonly databaseTag: string;
  /** What was done so far; tests count with it. */
  readonly tally: StorageTally;
  /** Writes what is pending, then closes. May be called again. */
  close(): Promise<void>;
}

export interface WriteOptions {
  /** Batches of one lane (a room, say) rest on each other: when one fails, those queued behind it fail as stale. */
  readonly lane?: string;
}

/** Collects one batch. Every call is synchronous and only queues. */
export interface WriteTransaction {
  run<P extends SqlParameters>(statement: Statement<P, never>, parameters: P): void;
  /** Like `run`, for a statement with `returning`: its rows are in the `Committed`. */
  fetch<P extends SqlParameters, R>(statement: Statement<P, R>, parameters: P): RowsToCome<R>;
  /** The batch fails with ExpectationFailed(`name`) unless the statement changes or returns at least one row. */
  expect<P extends SqlParameters>(statement: Statement<P, never>, parameters: P, name: string): void;
  /** The next number of this writer's one counter, for rows that need a number and are no change (nids). */
  allocate(): number;
  /**
   * Gives the change its position (the next number of the same counter) and publishes it after the commit, in order.
   */
  publish(change: Change): number;
  /** Which writer this process is; stands beside each position. */
  readonly writer: number;
}

export interface Committed<T> {
  readonly value: T;
  rows<R>(handle: RowsToCome<R>): R[];
}

/** Stands for rows that the commit will bring. */
export interface RowsToCome<R> {
  readonly index: number;
  /** Never set: it carries the type. */
  readonly row?: R;
}

export interface StorageTally {
  /** Statements read, and rows they returned. */
  reads: number;
  rowsRead: number;
  /** Batches committed, and the group commits (fsyncs) they took. */
  batches: number;
  commits: number;
}

/** An `expect` did not hold; `expectation` is its name. */
export class ExpectationFailed extends Error {
  readonly expectation: string;

  constructor(expectation: string) {
    super(`The write expected "${expectation}", which does not hold`);
    this.name = 'ExpectationFailed';
    this.expectation = expectation;
  }
}

/**
 * An earlier batch of the same lane failed: what was decided rests on something that is not so. Load again and decide
 * again.
 */
export class StaleBatch extends Error {
  constructor(lane: string) {
    super(`An earlier write of "${lane}" failed`);
    this.name = 'StaleBatch';
  }
}

/**
 * A statement broke a constraint or is wrong; nothing of its batch was written. An assertion: the caller has a fault.
 */
export class StatementFailed extends Error {
  readonly sql: string;

  constructor(message: string, sql: string) {
    super(`${message} in: ${sql}`);
    this.name = 'StatementFailed';
    this.sql = sql;
  }
}

/** The database could not do it: disk full, connection lost, file damaged. */
export class StorageFailure extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'StorageFailure';
  }
}
