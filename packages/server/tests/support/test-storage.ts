import { openPostgresStorage } from '../../src/storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Dialect } from '../../src/storage/storage-adapter.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';
import { giveBack, takeMigratedDatabase } from './test-postgres.ts';

/**
 * A fresh, migrated database of its own; close it when the test is over. It is SQLite in memory, unless PostgreSQL is
 * asked for: here, or for all tests by `LIMPET_TEST_DATABASE=postgres`.
 */
export async function openTestStorage(dialect: Dialect = defaultDialect()): Promise<Storage> {
  const options = { random: seededRandom(1), log: silentLog, synchronous: 'off' } as const;
  if (dialect === 'sqlite') return openSqliteStorage({ ...options, path: ':memory:' });
  const url = await takeMigratedDatabase();
  const storage = await openPostgresStorage({ ...options, url });
  const close = storage.close.bind(storage);
  let closed: Promise<void> | undefined;
  storage.close = () => {
    closed ??= close().then(() => giveBack(url));
    return closed;
  };
  return storage;
}

function defaultDialect(): Dialect {
  return process.env.LIMPET_TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite';
}
