import { afterEach } from 'vitest';
import type { Storage } from '../storage.ts';
import { CONTRACT_MIGRATIONS, type ContractDatabase } from './contract-database.ts';

/** Opens storages for the tests of the surrounding `describe`, and closes after each test what it left open. */
export function createOpener(create: () => Promise<ContractDatabase>): () => Promise<OpenedStorage> {
  const opened: Storage[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((storage) => storage.close()));
  });

  async function track(database: ContractDatabase): Promise<Storage> {
    const storage = await database.open(CONTRACT_MIGRATIONS);
    opened.push(storage);
    return storage;
  }

  return async () => {
    const database = await create();
    const storage = await track(database);
    return { storage, database, reopen: () => track(database) };
  };
}

export interface OpenedStorage {
  readonly storage: Storage;
  readonly database: ContractDatabase;
  /** Opens the same database once more; the one before has to be closed. */
  reopen(): Promise<Storage>;
}
