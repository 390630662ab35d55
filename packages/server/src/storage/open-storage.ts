import { openPostgresStorage } from './postgres/open-postgres-storage.ts';
import { openSqliteStorage } from './sqlite/open-sqlite-storage.ts';
import type { Storage } from './storage.ts';
import type { StorageOptions } from './storage-options.ts';

/** As in the configuration, `database`. */
export type DatabaseAddress =
  | { readonly sqlite: { readonly path: string } }
  | { readonly postgres: { readonly url: string } };

/** Opens the database, brings its schema up to date, and takes it for this process. @throws DatabaseUnusable */
export function openStorage(address: DatabaseAddress, options: StorageOptions): Promise<Storage> {
  if ('sqlite' in address) return openSqliteStorage({ ...options, path: address.sqlite.path });
  return openPostgresStorage({ ...options, url: address.postgres.url });
}
