import type { Client } from 'pg';
import { assembleStorage, type SavedState } from '../assemble-storage.ts';
import { loadSavedState, migrate, type SchemaConnection } from '../migrate.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import type { Storage } from '../storage.ts';
import type { StorageOptions } from '../storage-options.ts';
import { postgresAdapter } from './postgres-adapter.ts';
import { postgresQuery } from './postgres-query.ts';
import { createPostgresReader } from './postgres-reader.ts';
import { createPostgresWriter } from './postgres-writer.ts';
import { connectWriter, disconnect, type WriteConnectionOptions, whileMigrating } from './write-connection.ts';

export interface PostgresOptions extends StorageOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** Only tests set `off`. */
  readonly synchronous?: 'full' | 'off';
}

/** @throws DatabaseUnusable when it cannot be reached, is of a newer version, or is in use by another process. */
export async function openPostgresStorage(options: PostgresOptions): Promise<Storage> {
  const { url, log, synchronous = 'full', writer = 1 } = options;
  const connection: WriteConnectionOptions = { url, log, synchronous, writer };
  const client = await connectWriter(connection);
  const state = await prepareDatabase(client, writer, options);
  return assembleStorage({
    adapter: postgresAdapter,
    reader: createPostgresReader(url, log),
    createWriter: (sqlOf) => createPostgresWriter({ client, options: connection, holder: state.holder, sqlOf }),
    state,
    log,
  });
}

async function prepareDatabase(client: Client, writer: number, options: PostgresOptions): Promise<SavedState> {
  const connection = schemaConnection(client);
  try {
    return await whileMigrating(client, async () => {
      await migrate(connection, options.migrations ?? MIGRATIONS, options.log);
      return loadSavedState(connection, writer, options.random);
    });
  } catch (error) {
    await disconnect(client);
    throw error;
  }
}

function schemaConnection(client: Client): SchemaConnection {
  return {
    adapter: postgresAdapter,
    execute: async (sql, parameters = []) => (await client.query(postgresQuery(sql, parameters))).rows,
    async begin() {
      await client.query('begin');
    },
  };
}
