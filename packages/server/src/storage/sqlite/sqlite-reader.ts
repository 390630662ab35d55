import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { createCache } from '../../cache/create-cache.ts';
import type { StorageReader } from '../assemble-storage.ts';
import type { BoundValue } from '../storage-adapter.ts';
import type { Row } from '../write-group.ts';
import { sqliteValues } from './sqlite-connection.ts';

/** Statements kept prepared: all constant ones and the common shapes of filters. Each takes a few KiB. */
const MAX_PREPARED_STATEMENTS = 500;

/** Reads at once, in the thread that asks: a look-up takes microseconds, less than handing it to another thread. */
export function createSqliteReader(database: DatabaseSync, ownsDatabase: boolean): StorageReader {
  const prepared = createCache<string, StatementSync>(MAX_PREPARED_STATEMENTS);

  function all(sql: string, parameters: readonly BoundValue[]): Row[] {
    let statement = prepared.get(sql);
    if (statement === undefined) {
      statement = database.prepare(sql);
      prepared.set(sql, statement);
    }
    return statement.all(...sqliteValues(parameters));
  }

  return {
    readPrepared: async (_, sql, parameters) => all(sql, parameters),
    readText: async (sql, parameters) => all(sql, parameters),
    async close() {
      prepared.clear();
      if (ownsDatabase) database.close();
    },
  };
}
