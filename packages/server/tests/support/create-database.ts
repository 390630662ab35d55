import { Client } from 'pg';

/** The database that others are copied of; see `start-postgres.ts`. */
export const MIGRATED_DATABASE = 'migrated';

/** Makes a database on the PostgreSQL server at a URL. Both names are the tests' own. */
export async function createDatabase(
  serverUrl: string,
  { name, template }: { readonly name: string; readonly template: string },
): Promise<void> {
  const client = new Client(`${serverUrl}/postgres`);
  await client.connect();
  try {
    await client.query(`create database ${name} encoding 'UTF8' template ${template}`);
  } finally {
    await client.end();
  }
}
