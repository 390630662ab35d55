import type { Client } from 'pg';
import { StorageFailure } from '../storage.ts';
import type { BatchResult, GroupWriter, WriteGroup } from '../write-group.ts';
import { classifyFailure } from './postgres-failure.ts';
import { type GroupProgress, writePostgresGroup } from './postgres-group.ts';
import type { LearnedStatement } from './postgres-query.ts';
import { disconnect, reconnectWriter, type WriteConnectionOptions } from './write-connection.ts';

/** How often one group is tried, when the connection is lost before it is committed or PostgreSQL asks for a repeat. */
const MAX_ATTEMPTS = 3;

export interface PostgresWriterParts {
  readonly client: Client;
  readonly options: WriteConnectionOptions;
  /** What this process wrote into `writers.holder` when it opened the database. */
  readonly holder: string;
  readonly sqlOf: (statement: number) => string;
}

/**
 * Writes over one connection that holds the lock of this writer. When it is lost in the middle of a commit, the
 * number of the last group, which is committed with the group, tells after reconnecting what became of it.
 */
export function createPostgresWriter(parts: PostgresWriterParts): GroupWriter {
  const { options, holder, sqlOf } = parts;
  const learned = new Map<number, LearnedStatement>();
  let client: Client | undefined = parts.client;
  let takenOver: StorageFailure | undefined;

  async function reconnect(): Promise<{ client: Client; lastGroup: number }> {
    const connected = await reconnectWriter(options);
    const { rows } = await connected.query('select last_group, holder from writers where writer = $1', [
      options.writer,
    ]);
    if (rows[0]?.holder === holder) return { client: connected, lastGroup: Number(rows[0].last_group) };
    await disconnect(connected);
    takenOver = new StorageFailure(
      'Another process became the writer while the connection was lost; this one has to be started again',
      undefined,
    );
    throw takenOver;
  }

  async function attempt(group: WriteGroup, progress: GroupProgress): Promise<readonly BatchResult[] | undefined> {
    if (client === undefined) {
      const reconnected = await reconnect();
      client = reconnected.client;
      if (reconnected.lastGroup === group.number && progress.results !== undefined) return progress.results;
    }
    progress.results = undefined;
    progress.isCommitSent = false;
    try {
      return await writePostgresGroup({ client, writer: options.writer, sqlOf, learned }, group, progress);
    } catch (error) {
      const failure = classifyFailure(error);
      options.log.warn('PostgreSQL could not write a group', { error, failure });
      if (failure === 'lost' || !(await rollBack(client))) {
        await disconnect(client);
        client = undefined;
      }
      if (failure === 'lost' || failure === 'retry') return undefined;
      throw new StorageFailure('PostgreSQL could not write', error);
    }
  }

  return {
    async commit(group) {
      if (takenOver !== undefined) throw takenOver;
      const progress: GroupProgress = { results: undefined, isCommitSent: false };
      for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
        try {
          const results = await attempt(group, progress);
          if (results !== undefined) return results;
        } catch (error) {
          if (error instanceof StorageFailure) throw error;
          throw new StorageFailure(unreachable(progress), error);
        }
      }
      throw new StorageFailure(unreachable(progress), undefined);
    },
    async close() {
      if (client !== undefined) await disconnect(client);
    },
  };
}

function unreachable({ isCommitSent }: GroupProgress): string {
  return isCommitSent
    ? 'PostgreSQL was lost in the middle of a commit; whether it is committed cannot be told'
    : 'PostgreSQL cannot be reached; nothing was written';
}

async function rollBack(client: Client): Promise<boolean> {
  try {
    await client.query('rollback');
    return true;
  } catch {
    // The caller gives the connection up, which rolls back as well.
    return false;
  }
}
