import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { seededRandom } from './seeded-random.ts';
import { silentLog } from './silent-log.ts';

/** A fresh, migrated database of its own, in memory. Close it when the test is over. */
export function openTestStorage(seed = 1): Promise<Storage> {
  return openSqliteStorage({ path: ':memory:', random: seededRandom(seed), log: silentLog });
}
