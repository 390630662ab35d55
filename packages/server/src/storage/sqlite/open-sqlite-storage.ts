import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { assembleStorage, type SavedState, type StorageReader } from '../assemble-storage.ts';
import { DatabaseUnusable } from '../database-unusable.ts';
import { loadSavedState, migrate, type SchemaConnection } from '../migrate.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import { type Storage, StorageFailure } from '../storage.ts';
import type { StorageOptions } from '../storage-options.ts';
import type { GroupWriter } from '../write-group.ts';
import { type ProcessLock, takeProcessLock } from './process-lock.ts';
import { sqliteAdapter } from './sqlite-adapter.ts';
import { openReadConnection, openWriteConnection, type Synchronous, sqliteValues } from './sqlite-connection.ts';
import { createSqliteGroups } from './sqlite-group.ts';
import { createSqliteReader } from './sqlite-reader.ts';
import { startThreadedWriter } from './threaded-writer.ts';

export interface SqliteOptions extends StorageOptions {
  /** Of the file; directories on the way are made. `:memory:` is a database that is gone with its storage. */
  readonly path: string;
  /** Where writes are done: in a thread (the default for a file), or in the thread that asks. */
  readonly writes?: 'in-thread' | 'in-place';
  /** Only tests set `off`. */
  readonly synchronous?: Synchronous;
}

const IN_MEMORY = ':memory:';

/** @throws DatabaseUnusable when the file cannot be opened, is of a newer version, or is in use. */
export async function openSqliteStorage(options: SqliteOptions): Promise<Storage> {
  const { path, synchronous = 'full' } = options;
  const writer = options.writer ?? 1;
  const lock = path === IN_MEMORY ? undefined : lockFile(path, writer);
  try {
    const database = openFile(path, synchronous);
    const state = await prepareDatabase(database, writer, options);
    const inPlace = path === IN_MEMORY || options.writes === 'in-place';
    if (inPlace) return assembleInPlace({ database, state, lock, path, options });
    database.close();
    const threaded = await startThreadedWriter({ path, writer, synchronous });
    const reader = createSqliteReader(openReadConnection(path), true);
    return assembleStorage({
      adapter: sqliteAdapter,
      reader: releasing(reader, lock),
      createWriter: threaded.connect,
      state,
      log: options.log,
    });
  } catch (error) {
    lock?.release();
    throw error;
  }
}

interface InPlaceParts {
  readonly database: DatabaseSync;
  readonly state: SavedState;
  readonly lock: ProcessLock | undefined;
  readonly path: string;
  readonly options: SqliteOptions;
}

function assembleInPlace({ database, state, lock, path, options }: InPlaceParts): Storage {
  const isShared = path === IN_MEMORY;
  const reader = createSqliteReader(isShared ? database : openReadConnection(path), !isShared);
  return assembleStorage({
    adapter: sqliteAdapter,
    reader: releasing(
      {
        ...reader,
        async close() {
          await reader.close();
          database.close();
        },
      },
      lock,
    ),
    createWriter: (sqlOf) => createInPlaceWriter(database, state.writer, sqlOf),
    state,
    log: options.log,
  });
}

function createInPlaceWriter(
  database: DatabaseSync,
  writer: number,
  sqlOf: (statement: number) => string,
): GroupWriter {
  const groups = createSqliteGroups({ database, writer, sqlOf });
  return {
    async commit(group) {
      try {
        return groups.commit(group);
      } catch (error) {
        throw new StorageFailure('SQLite could not write', error);
      }
    },
    // The reader closes the connection that both use.
    async close() {},
  };
}

function releasing(reader: StorageReader, lock: ProcessLock | undefined): StorageReader {
  return {
    ...reader,
    async close() {
      try {
        await reader.close();
      } finally {
        lock?.release();
      }
    },
  };
}

function lockFile(path: string, writer: number): ProcessLock {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return takeProcessLock(path, writer);
  } catch (error) {
    throw unusable(path, error);
  }
}

function openFile(path: string, synchronous: Synchronous): DatabaseSync {
  try {
    return openWriteConnection(path, synchronous);
  } catch (error) {
    throw unusable(path, error);
  }
}

function unusable(path: string, error: unknown): DatabaseUnusable {
  if (error instanceof DatabaseUnusable) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new DatabaseUnusable(`The database ${path} cannot be opened: ${reason}.`, error);
}

async function prepareDatabase(database: DatabaseSync, writer: number, options: SqliteOptions): Promise<SavedState> {
  const connection = schemaConnection(database);
  try {
    await migrate(connection, options.migrations ?? MIGRATIONS, options.log);
    return await loadSavedState(connection, writer, options.random);
  } catch (error) {
    database.close();
    throw error;
  }
}

function schemaConnection(database: DatabaseSync): SchemaConnection {
  return {
    adapter: sqliteAdapter,
    execute: async (sql, parameters = []) => database.prepare(sql).all(...sqliteValues(parameters)),
    async begin() {
      database.exec('begin immediate');
    },
  };
}
