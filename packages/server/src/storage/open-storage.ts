import { openSqliteStorage } from './sqlite/open-sqlite-storage.ts';
import type { Storage } from './storage.ts';
import type { StorageOptions } from './storage-options.ts';

/** As in the configuration, `database`. */
export type DatabaseAddress =
  | { readonly sqlite: { readonly path: string } }
  | { readonly postgres: { readonly url: string } };

/** Opens the database, brings its schema up to date, and takes it for this process. @throws DatabaseUnusable */
export async function openStorage(address: DatabaseAddress, options: StorageOptions): Promise<Storage> {
  if ('sqlite' in address) return openSqliteStorage({ ...options, path: address.sqlite.path });
  // Loaded here, so that a server on SQLite does without it.
  const { openPostgresStorage } = await import('./postgres/open-postgres-storage.ts');
  return openPostgresStorage({ ...options, url: address.postgres.url });
}
