import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { BatchResult, GroupBatch, Row, WriteGroup, WriteStep } from '../write-group.ts';
import { hasRows, sqliteValues } from './sqlite-connection.ts';

/** Writes groups over one connection, synchronously, wherever it stands: in the writer thread, or in this one. */
export interface SqliteGroups {
  /** @throws what SQLite throws when the group as a whole cannot be written; nothing of it is then. */
  commit(group: WriteGroup): BatchResult[];
}

export interface SqliteGroupsParts {
  readonly database: DatabaseSync;
  readonly writer: number;
  readonly sqlOf: (statement: number) => string;
}

export function createSqliteGroups({ database, writer, sqlOf }: SqliteGroupsParts): SqliteGroups {
  const runBatch = createBatchRunner(database, sqlOf);
  const savePosition = database.prepare('update writers set position = ?1, last_group = ?2 where writer = ?3');

  /** Gives nothing, and leaves nothing, when `work` gives nothing. */
  function inTransaction(
    group: WriteGroup,
    work: (group: WriteGroup) => BatchResult[] | undefined,
  ): BatchResult[] | undefined {
    database.exec('begin immediate');
    try {
      const results = work(group);
      if (results === undefined) {
        database.exec('rollback');
        return undefined;
      }
      savePosition.run(...sqliteValues([group.position, group.number, writer]));
      database.exec('commit');
      return results;
    } catch (error) {
      if (database.isTransaction) database.exec('rollback');
      throw error;
    }
  }

  return {
    commit(group) {
      const results =
        inTransaction(group, () => runUntilFailure(group, runBatch)) ??
        inTransaction(group, () => runEach(group, database, runBatch));
      if (results === undefined) throw new Error('The group has no results');
      return results;
    },
  };
}

type RunBatch = (batch: GroupBatch) => BatchResult;

/** Nearly always nothing fails, so the first try does without savepoints. */
function runUntilFailure(group: WriteGroup, runBatch: RunBatch): BatchResult[] | undefined {
  const results: BatchResult[] = [];
  for (const batch of group.batches) {
    const result = runBatch(batch);
    if (result.outcome !== 'committed') return undefined;
    results.push(result);
  }
  return results;
}

function runEach(group: WriteGroup, database: DatabaseSync, runBatch: RunBatch): BatchResult[] {
  const failedLanes = new Set<string>();
  return group.batches.map((batch) => {
    if (batch.lane !== undefined && failedLanes.has(batch.lane)) return { outcome: 'stale' };
    database.exec('savepoint batch');
    const result = runBatch(batch);
    if (result.outcome !== 'committed') {
      database.exec('rollback to batch');
      if (batch.lane !== undefined) failedLanes.add(batch.lane);
    }
    database.exec('release batch');
    return result;
  });
}

function createBatchRunner(database: DatabaseSync, sqlOf: (statement: number) => string): RunBatch {
  const prepared: Prepared[] = [];

  function prepare(number: number): Prepared {
    let found = prepared[number];
    if (found === undefined) {
      const statement = database.prepare(sqlOf(number));
      found = { statement, givesRows: hasRows(statement) };
      prepared[number] = found;
    }
    return found;
  }

  return (batch) => {
    const rows: Row[][] = [];
    for (const step of batch.steps) {
      try {
        const isFulfilled = runStep(prepare(step.statement), step, rows);
        if (!isFulfilled) return { outcome: 'expectation-failed', expectation: step.expectation };
      } catch (error) {
        if (!isFaultOfStatement(error)) throw error;
        return { outcome: 'statement-failed', message: error.message, sql: sqlOf(step.statement) };
      }
    }
    return { outcome: 'committed', rows };
  };
}

interface Prepared {
  readonly statement: StatementSync;
  readonly givesRows: boolean;
}

/** Whether what the step expects is so. */
function runStep({ statement, givesRows }: Prepared, step: WriteStep, rows: Row[][]): boolean {
  const parameters = sqliteValues(step.parameters);
  if (step.kind === 'fetch') {
    rows.push(statement.all(...parameters));
    return true;
  }
  const affected = givesRows ? statement.all(...parameters).length : Number(statement.run(...parameters).changes);
  return affected > 0 || step.kind === 'run';
}

/** Primary result codes that say that this statement, with these values, cannot be: they fail its batch alone. */
const STATEMENT_FAULTS = new Set([
  1, // SQLITE_ERROR: wrong SQL
  18, // SQLITE_TOOBIG
  19, // SQLITE_CONSTRAINT
  20, // SQLITE_MISMATCH
  25, // SQLITE_RANGE
]);

function isFaultOfStatement(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  // What is not SQLite's own is a value that it does not take.
  if (!('errcode' in error)) return true;
  return STATEMENT_FAULTS.has(Number(error.errcode) & 0xff);
}
