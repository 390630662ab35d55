import { expect, test } from 'vitest';
import { seededRandom } from '../../tests/support/seeded-random.ts';
import { silentLog } from '../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../tests/support/test-postgres.ts';
import { openTestStorage } from '../../tests/support/test-storage.ts';
import { DatabaseUnusable } from './database-unusable.ts';
import { openStorage } from './open-storage.ts';
import type { Storage } from './storage.ts';

const options = { random: seededRandom(1), log: silentLog };

async function quoteOf(storage: Storage): Promise<string> {
  const { sql } = (await storage.builder()).selectFrom('events').select('json').where('event_id', '=', '$e').compile();
  await storage.close();
  return sql;
}

test('the address says which database it is', async () => {
  const sqlite = await openStorage({ sqlite: { path: ':memory:' } }, options);
  expect(await quoteOf(sqlite)).toContain('= ?');
  const postgres = await openStorage({ postgres: { url: await createPostgresDatabase() } }, options);
  expect(await quoteOf(postgres)).toContain('= $1');
});

test('test storages are fresh ones', async () => {
  expect(await quoteOf(await openTestStorage('sqlite'))).toContain('= ?');
  expect(await quoteOf(await openTestStorage('postgres'))).toContain('= $1');
});

test('a database that cannot be opened is told in a sentence', async () => {
  const noFile = openStorage({ sqlite: { path: '/dev/null/limpet.db' } }, options);
  await expect(noFile).rejects.toThrow(DatabaseUnusable);
  await expect(noFile).rejects.toThrow('The database /dev/null/limpet.db cannot be opened');
  const nobody = openStorage({ postgres: { url: 'postgres://limpet@127.0.0.1:1/limpet' } }, options);
  await expect(nobody).rejects.toThrow(DatabaseUnusable);
  await expect(nobody).rejects.toThrow('The PostgreSQL database cannot be used: ');
});

test('another writer of the same database has positions of its own', async () => {
  const url = await createPostgresDatabase();
  const first = await openStorage({ postgres: { url } }, options);
  const second = await openStorage({ postgres: { url } }, { ...options, writer: 2 });
  const position = await first.write((transaction) => transaction.publish({ kind: 'typing', roomId: '!r' }));
  const other = await second.write((transaction) => transaction.publish({ kind: 'typing', roomId: '!r' }));
  expect([position.value, other.value]).toEqual([1, 1]);
  expect(second.stream.current().get(2)).toBe(1);
  expect(second.databaseTag).toBe(first.databaseTag);
  await Promise.all([first.close(), second.close()]);
});
