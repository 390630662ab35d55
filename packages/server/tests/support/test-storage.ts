import { openPostgresStorage } from '../../src/storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage, StorageTally } from '../../src/storage/storage.ts';
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
  if (dialect === 'sqlite') return countUnderWay(await openSqliteStorage({ ...options, path: ':memory:' }));
  const url = await takeMigratedDatabase();
  const storage = countUnderWay(await openPostgresStorage({ ...options, url }));
  const close = storage.close.bind(storage);
  let closed: Promise<void> | undefined;
  storage.close = () => {
    closed ??= close().then(() => giveBack(url));
    return closed;
  };
  return storage;
}

/** By the tally of the storage, which its copies share. */
const underWay = new WeakMap<StorageTally, number>();

/** Whether a statement is on its way to a database in another process or thread, which may be slow to answer. */
export function isUnderWay({ tally }: Storage): boolean {
  return (underWay.get(tally) ?? 0) > 0;
}

function countUnderWay(storage: Storage): Storage {
  const { tally } = storage;
  const count = (change: number) => underWay.set(tally, (underWay.get(tally) ?? 0) + change);
  const counted = <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    count(1);
    const ended = () => count(-1);
    answer.then(ended, ended);
    return answer;
  };
  const { read, readCompiled, write } = storage;
  storage.read = (statement, parameters) => counted(read(statement, parameters));
  storage.readCompiled = (query) => counted(readCompiled(query));
  storage.write = (build, options) => counted(write(build, options));
  return storage;
}

function defaultDialect(): Dialect {
  return process.env.LIMPET_TEST_DATABASE === 'postgres' ? 'postgres' : 'sqlite';
}
