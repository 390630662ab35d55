import { Pool } from 'pg';
import { inject } from 'vitest';
import { createDatabase, MIGRATED_DATABASE, RESET } from './create-database.ts';

let databases = 0;
/** Migrated databases of this process that nobody uses, as good as new. */
const idle: string[] = [];
/** Each has a connection of its own that makes it so: a new one costs more than what it is for. */
const resetting = new Map<string, Pool>();

/** The URL of a new, empty database on the PostgreSQL of this run, which is started if it is not. */
export async function createPostgresDatabase(): Promise<string> {
  return copyOf('template0', await serverUrl(''));
}

/** One with the schema of today and nothing in it; `giveBack` it once nobody is connected to it any more. */
export async function takeMigratedDatabase(): Promise<string> {
  return idle.pop() ?? copyOf(MIGRATED_DATABASE, await serverUrl('migrated'));
}

/** Emptying one takes a small part of the time that making one takes. */
export async function giveBack(url: string): Promise<void> {
  const pool = resetting.get(url) ?? connectTo(url);
  resetting.set(url, pool);
  await pool.query(RESET);
  idle.push(url);
}

/** One connection, that does not keep the process from ending. */
function connectTo(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0, allowExitOnIdle: true });
  // It was lost while nobody used it; who uses it next gets another one, or hears of it.
  pool.on('error', () => undefined);
  return pool;
}

async function serverUrl(path: string): Promise<string> {
  const response = await fetch(`${inject('postgresStarter')}${path}`);
  const answer = await response.text();
  if (!response.ok) throw new Error(answer);
  return answer;
}

async function copyOf(template: string, server: string): Promise<string> {
  databases++;
  const name = `test_${process.pid}_${process.hrtime.bigint()}_${databases}`;
  await createDatabase(server, { name, template });
  return `${server}/${name}`;
}
