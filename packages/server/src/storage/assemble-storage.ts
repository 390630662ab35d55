import type { Log } from '../platform/log.ts';
import type { Change, PublishedChange } from './change.ts';
import { createChangeStream } from './change-stream.ts';
import { createGroupCommitter, type GroupCommitter } from './group-committer.ts';
import type { QueryBuilder } from './queries/query-builder.ts';
import {
  bindLateTexts,
  bindValue,
  createStatementCompiler,
  type LateText,
  type StatementCompiler,
} from './statement-compiler.ts';
import {
  type Committed,
  ExpectationFailed,
  type RowsToCome,
  StaleBatch,
  StatementFailed,
  type Storage,
  type StorageTally,
  type WriteTransaction,
} from './storage.ts';
import type { BoundValue, Dialect, StorageAdapter } from './storage-adapter.ts';
import type { BatchResult, GroupWriter, Row, WriteStep } from './write-group.ts';

export interface StorageReader {
  /** Reads by a constant text, which is worth preparing. */
  readPrepared(number: number, sql: string, parameters: readonly BoundValue[]): Promise<Row[]>;
  /** Reads by a text put together at run time, or planned anew for its values. */
  readText(sql: string, parameters: readonly BoundValue[]): Promise<Row[]>;
  close(): Promise<void>;
}

/** What a dialect brings. */
export interface StorageParts {
  readonly adapter: StorageAdapter;
  readonly reader: StorageReader;
  /** Makes the one that writes, which looks up the texts of statements by their numbers. */
  readonly createWriter: (sqlOf: (statement: number) => string) => GroupWriter;
  readonly state: SavedState;
  readonly log: Log;
}

/** What an open database says of itself. */
export interface SavedState {
  readonly databaseTag: string;
  /** The writer that this process is, and its last group. */
  readonly writer: number;
  readonly lastGroup: number;
  /** Made when this process opened the database; whoever opens it as the same writer later writes another one. */
  readonly holder: string;
  /** Of all writers. */
  readonly positions: ReadonlyMap<number, number>;
}

/** Puts a Storage together from the parts of a dialect; all that is the same for both is here and in what it uses. */
export function assembleStorage(parts: StorageParts): Storage {
  const { adapter, reader, state } = parts;
  const compiler = createStatementCompiler(adapter);
  const stream = createChangeStream(state.positions, parts.log);
  const tally: StorageTally = { reads: 0, rowsRead: 0, batches: 0, commits: 0 };
  const savedPosition = state.positions.get(state.writer) ?? 0;
  const committer = createGroupCommitter({
    writer: parts.createWriter(compiler.sql),
    savedPosition,
    lastGroup: state.lastGroup,
    publish: (upTo, changes) => stream.publish(state.writer, upTo, changes),
    countCommit: () => {
      tally.commits++;
    },
  });
  const write = createWrite({ committer, compiler, tally, writer: state.writer, lastNumber: savedPosition });

  async function read<R>(reading: Promise<Row[]>): Promise<R[]> {
    const rows = await reading;
    tally.reads++;
    tally.rowsRead += rows.length;
    // Statements and queries carry the type of their rows as a promise of whoever wrote them.
    return rows as R[];
  }

  let builder: Promise<QueryBuilder> | undefined;
  let closed: Promise<void> | undefined;
  async function closeAll(): Promise<void> {
    try {
      await committer.close();
    } finally {
      await reader.close();
    }
  }

  return {
    async read(statement, parameters) {
      const compiled = compiler.compile(statement);
      const { number, sql } = compiled;
      const values = compiler.bind(compiled, parameters);
      return read(statement.isPlannedAnew ? reader.readText(sql, values) : reader.readPrepared(number, sql, values));
    },
    async readCompiled(query) {
      const parameters = query.parameters.map((value, index) => bindValue(`parameter ${index + 1}`, value, adapter));
      return read(reader.readText(query.sql, parameters));
    },
    write,
    stream,
    builder: () => (builder ??= loadQueryBuilder(adapter.dialect)),
    databaseTag: state.databaseTag,
    tally,
    searchQuery: (terms) => adapter.searchQuery(terms),
    close() {
      closed ??= closeAll();
      return closed;
    },
  };
}

async function loadQueryBuilder(dialect: Dialect): Promise<QueryBuilder> {
  const { createQueryBuilder } = await import('./queries/query-builder.ts');
  return createQueryBuilder(dialect);
}

interface WriteParts {
  readonly committer: GroupCommitter;
  readonly compiler: StatementCompiler;
  readonly tally: StorageTally;
  readonly writer: number;
  readonly lastNumber: number;
}

function createWrite({ committer, compiler, tally, writer, lastNumber }: WriteParts): Storage['write'] {
  const counter = { last: lastNumber };
  let isBuilding = false;

  return async (build, options = {}) => {
    if (isBuilding) throw new Error('A write was begun inside the build of another one');
    committer.checkRoom();
    const collected: Collected = { steps: [], changes: [], late: [], isOpen: true };
    const transaction = createTransaction(collected, { compiler, counter, writer });
    isBuilding = true;
    let value: ReturnType<typeof build>;
    try {
      value = build(transaction);
    } finally {
      isBuilding = false;
      collected.isOpen = false;
    }
    const { lane } = options;
    const { steps, changes, late } = collected;
    const ready = late.length === 0 ? undefined : bindLateTexts(late);
    return new Promise((resolve, reject) => {
      function settle(result: BatchResult | Error): void {
        if (result instanceof Error) reject(result);
        else if (result.outcome !== 'committed') reject(errorOf(result, lane));
        else {
          tally.batches++;
          resolve(createCommitted(value, result.rows));
        }
      }
      committer.enqueue({ lane, steps, changes, ready, lastNumber: counter.last, settle });
    });
  };
}

interface Collected {
  readonly steps: WriteStep[];
  readonly changes: PublishedChange[];
  readonly late: LateText[];
  isOpen: boolean;
}

interface TransactionParts {
  readonly compiler: StatementCompiler;
  readonly counter: { last: number };
  readonly writer: number;
}

function createTransaction(collected: Collected, parts: TransactionParts): WriteTransaction {
  const { compiler, counter, writer } = parts;
  let fetches = 0;

  function checkOpen(): void {
    if (!collected.isOpen) throw new Error('The batch is queued already: build has to be synchronous');
  }
  function add(kind: WriteStep['kind'], statement: Parameters<typeof compiler.compile>[0], rest: StepRest): void {
    checkOpen();
    const compiled = compiler.compile(statement);
    const parameters = compiler.bind(compiled, rest.parameters, collected.late);
    collected.steps.push({ kind, statement: compiled.number, parameters, expectation: rest.expectation ?? '' });
  }
  const addFetch: WriteTransaction['fetch'] = (statement, parameters) => {
    add('fetch', statement, { parameters });
    return { index: fetches++ };
  };
  function take(): number {
    checkOpen();
    counter.last++;
    return counter.last;
  }

  return {
    writer,
    run: (statement, parameters) => add('run', statement, { parameters }),
    fetch: addFetch,
    expect: (statement, parameters, expectation) => add('expect', statement, { parameters, expectation }),
    allocate: take,
    publish(change: Change) {
      const position = take();
      collected.changes.push({ ...change, writer, position });
      return position;
    },
  };
}

interface StepRest {
  readonly parameters: Parameters<StatementCompiler['bind']>[1];
  readonly expectation?: string;
}

function createCommitted<T>(value: T, rows: readonly (readonly Row[])[]): Committed<T> {
  return {
    value,
    rows<R>(handle: RowsToCome<R>): R[] {
      const found = rows[handle.index];
      if (found === undefined) throw new Error('These rows are of another batch');
      return [...found] as R[];
    },
  };
}

function errorOf(result: Exclude<BatchResult, { outcome: 'committed' }>, lane: string | undefined): Error {
  if (result.outcome === 'expectation-failed') return new ExpectationFailed(result.expectation);
  if (result.outcome === 'stale') return new StaleBatch(lane ?? '');
  return new StatementFailed(result.message, result.sql);
}
