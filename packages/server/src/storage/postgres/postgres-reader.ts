import { Pool, type PoolConfig } from 'pg';
import type { Log } from '../../platform/log.ts';
import type { StorageReader } from '../assemble-storage.ts';
import { StorageFailure } from '../storage.ts';
import type { BoundValue } from '../storage-adapter.ts';
import type { Row } from '../write-group.ts';
import { classifyFailure } from './postgres-failure.ts';
import { type LearnedStatement, postgresQuery, type Query } from './postgres-query.ts';

/** Reads at once; more of them wait. PostgreSQL allows 100 connections unless told otherwise. */
const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
/** No read of ours comes near; one that does is better given up than waited for. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** A read whose connection is lost (PostgreSQL was restarted) is asked once more over a new one. */
const MAX_ATTEMPTS = 2;

export function createPostgresReader(url: string, log: Log): StorageReader {
  const configuration: PoolConfig = {
    connectionString: url,
    application_name: 'limpet reader',
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    keepAlive: true,
    // So a command that forgets to close its storage can still end.
    allowExitOnIdle: true,
  };
  const pool = new Pool(configuration);
  const learned = new Map<number, LearnedStatement>();
  pool.on('error', (error) => log.warn('An idle connection to PostgreSQL was lost', { error }));

  async function ask(query: Query): Promise<Row[]> {
    let failure: unknown;
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      try {
        return (await pool.query(query)).rows;
      } catch (error) {
        if (classifyFailure(error) === 'statement') throw error;
        failure = error;
      }
    }
    throw new StorageFailure('PostgreSQL could not read', failure);
  }

  return {
    readPrepared(number, sql, parameters) {
      let statement = learned.get(number);
      if (statement === undefined) {
        statement = { name: `s${number}`, typeNumbers: [] };
        learned.set(number, statement);
      }
      return ask(postgresQuery(sql, parameters, statement));
    },
    readText: (sql, parameters: readonly BoundValue[]) => ask(postgresQuery(sql, parameters)),
    close: () => pool.end(),
  };
}
