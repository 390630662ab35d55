import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import type { BoundValue } from '../storage-adapter.ts';

/** How long a statement waits for a lock that another process (a backup, the command line) holds. */
const BUSY_TIMEOUT_MS = 5_000;
/**
 * Pages kept in memory by a connection, in KiB: the upper levels of every tree, and the rooms in use. Taken as
 * needed.
 */
const CACHE_KIB = 32_768;
/**
 * Pages in the write-ahead log before it is written back: 16 MiB. Larger than the default, so that a page that
 * changes with every event is written back once in some thousands of commits; small enough for a start after a crash
 * in no time.
 */
const CHECKPOINT_PAGES = 4_000;
/** A log that grew in a burst is cut back to this after it is written back. */
const LOG_SIZE_LIMIT_BYTES = 64 * 1024 * 1024;

/** `full`: a commit is on disk when it returns. `off` is for tests that lose nothing when the machine goes down. */
export type Synchronous = 'full' | 'off';

/** The connection that writes; sets up the file if it is new. */
export function openWriteConnection(path: string, synchronous: Synchronous): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: false });
  // With a write-ahead log reads go on while a group is written, and a commit is one fsync.
  database.exec('pragma journal_mode = wal');
  database.exec(`pragma synchronous = ${synchronous}`);
  database.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  database.exec(`pragma journal_size_limit = ${LOG_SIZE_LIMIT_BYTES}`);
  setUp(database);
  return database;
}

/** Sees the latest commit with every statement. */
export function openReadConnection(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  setUp(database);
  return database;
}

function setUp(database: DatabaseSync): void {
  database.exec(`pragma cache_size = -${CACHE_KIB}`);
  database.exec('pragma temp_store = memory');
}

/** Integers go in as such: a number of JavaScript would arrive as a real one, with which `5 / 2` is 2.5. */
export function sqliteValues(parameters: readonly BoundValue[]): SQLInputValue[] {
  return parameters.map(sqliteValue);
}

function sqliteValue(value: BoundValue): SQLInputValue {
  if (typeof value === 'number') return BigInt(value);
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
    throw new Error('A list has to come as JSON');
  }
  return value;
}

/** Whether it has rows to give: a `select`, or `returning`. */
export function hasRows(statement: StatementSync): boolean {
  return statement.columns().length > 0;
}
