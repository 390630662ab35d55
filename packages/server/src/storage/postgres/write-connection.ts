import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Log } from '../../platform/log.ts';
import { DatabaseUnusable } from '../database-unusable.ts';

/** How long one attempt to connect may take. */
const CONNECT_TIMEOUT_MS = 10_000;
const DISCONNECT_TIMEOUT_MS = 1_000;
/** How long to go on trying when the server is gone; meanwhile writes wait, up to the limit of the committer. */
const RECONNECT_FOR_MS = 30_000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** How long the lock of a process that was killed may outlive it. */
const LOCK_WAIT_MS = 3_000;
/** "limp" in ASCII: locks of PostgreSQL are two numbers, shared by all programs of a database. */
const LOCK_SPACE = 0x6c696d70;
const MIGRATION_LOCK = 0;

export interface WriteConnectionOptions {
  readonly url: string;
  readonly writer: number;
  readonly log: Log;
  /** Only tests set `off`. */
  readonly synchronous: 'full' | 'off';
}

/** Connects once, and takes the lock of this writer. @throws DatabaseUnusable */
export async function connectWriter(options: WriteConnectionOptions): Promise<Client> {
  const client = createClient(options);
  try {
    await client.connect();
    await checkServer(client, options);
    await takeLock(client, options.writer);
    return client;
  } catch (error) {
    await disconnect(client);
    if (error instanceof DatabaseUnusable) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseUnusable(`The PostgreSQL database cannot be used: ${reason}.`, error);
  }
}

/** Goes on trying for a while. @throws DatabaseUnusable of the last attempt. */
export async function reconnectWriter(options: WriteConnectionOptions): Promise<Client> {
  const deadline = performance.now() + RECONNECT_FOR_MS;
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    try {
      return await connectWriter(options);
    } catch (error) {
      if (performance.now() + pauseMs > deadline) throw error;
      options.log.warn('PostgreSQL cannot be reached; trying again', { error, pauseMs });
    }
    await sleep(pauseMs);
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
  }
}

/** Ends the connection whatever state it is in; one that does not answer is left to end by itself. */
export async function disconnect(client: Client): Promise<void> {
  // An error here is the one that led here, told again.
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, sleep(DISCONNECT_TIMEOUT_MS, undefined, { ref: false })]);
}

/** Keeps all other processes from changing the schema meanwhile. */
export async function whileMigrating<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('select pg_advisory_lock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock($1, $2)', [LOCK_SPACE, MIGRATION_LOCK]);
  }
}

function createClient({ url, log }: WriteConnectionOptions): Client {
  const client = new Client({
    connectionString: url,
    application_name: 'limpet writer',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    pipeline: true,
  });
  // Told between queries; the next query fails, and that is where it is dealt with.
  client.on('error', (error) => log.warn('The connection to PostgreSQL was lost', { error }));
  return client;
}

async function checkServer(client: Client, options: WriteConnectionOptions): Promise<void> {
  const { rows } = await client.query(
    "select current_setting('server_encoding') as encoding, current_setting('synchronous_commit') as synchronous",
  );
  const [{ encoding, synchronous }] = rows;
  if (encoding !== 'UTF8') {
    throw new DatabaseUnusable(
      `The PostgreSQL database is encoded in ${encoding}; it has to be UTF8. Make it with: ` +
        "create database limpet encoding 'UTF8' template template0",
    );
  }
  if (options.synchronous === 'off') await client.query('set synchronous_commit = off');
  // What is acknowledged has to be on disk, whatever the server has as its default.
  else if (synchronous === 'off') await client.query('set synchronous_commit = on');
  // The lock of a machine that vanished is free after half a minute.
  await client.query('set tcp_keepalives_idle = 15');
  await client.query('set tcp_keepalives_interval = 5');
  await client.query('set tcp_keepalives_count = 3');
  await client.query('set idle_in_transaction_session_timeout = 30000');
}

async function takeLock(client: Client, writer: number): Promise<void> {
  const deadline = performance.now() + LOCK_WAIT_MS;
  for (;;) {
    const { rows } = await client.query('select pg_try_advisory_lock($1, $2) as taken', [LOCK_SPACE, writer]);
    if (rows[0]?.taken === true) return;
    if (performance.now() > deadline) break;
    await sleep(FIRST_PAUSE_MS);
  }
  throw new DatabaseUnusable(
    'The PostgreSQL database is in use by another Limpet process. Stop that one first; if it was killed, ' +
      'or its machine is gone, its connection ends by itself within half a minute.',
  );
}
