import { inject } from 'vitest';
import { createDatabase, MIGRATED_DATABASE } from './create-database.ts';

let databases = 0;

/** The URL of a new, empty database on the PostgreSQL of this run, which is started if it is not. */
export async function createPostgresDatabase(): Promise<string> {
  return copyOf('template0', await serverUrl(''));
}

/** The same, with the schema of today. */
export async function createMigratedDatabase(): Promise<string> {
  return copyOf(MIGRATED_DATABASE, await serverUrl('migrated'));
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
