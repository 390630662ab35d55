import { Client } from 'pg';
import { inject } from 'vitest';

let databases = 0;

/** The URL of a new, empty database on the PostgreSQL of this run, which is started if it is not. */
export async function createPostgresDatabase(): Promise<string> {
  const response = await fetch(inject('postgresStarter'));
  const server = await response.text();
  if (!response.ok) throw new Error(server);
  databases++;
  const name = `test_${process.pid}_${process.hrtime.bigint()}_${databases}`;
  const client = new Client(`${server}/postgres`);
  await client.connect();
  try {
    await client.query(`create database ${name} encoding 'UTF8' template template0`);
  } finally {
    await client.end();
  }
  return `${server}/${name}`;
}
