import { Client } from 'pg';
import { expect, test } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { openPostgresStorage } from '../postgres/open-postgres-storage.ts';
import type { Storage } from '../storage.ts';
import { selectFoundEvents } from './search.ts';

const EVENTS = 20_000;
/** After five calls PostgreSQL would keep a plan for any words. */
const CALLS = 12;

/** Every event is of one room and has a common word; the tenth of all, and one alone, have another one. */
const FILL = `
  insert into search_texts (event_nid, words)
  select n, ('common zqroom' || n % 20 || case when n % 10 = 0 then ' usual' else '' end
    || case when n = 77 then ' rare' else '' end)::tsvector
  from generate_series(1, ${EVENTS}) n`;

test('a search reads no more than it finds, on PostgreSQL, whatever it asked before', async () => {
  const url = await createPostgresDatabase();
  const storage = await openStorage(url);
  await runOn(url, FILL);
  await runOn(url, 'analyze search_texts');

  const read = async (word: string, limit: number) => {
    const before = await rowsPassed(url);
    let found = 0;
    for (let call = 0; call < CALLS; call++) {
      const query = storage.searchQuery({ anyOf: ['zqroom7', 'zqroom17'], words: [{ text: word, isBeginning: true }] });
      found = (await storage.read(selectFoundEvents, { query, before: EVENTS + 1, limit })).length;
    }
    await endReaders(url);
    return { found, passed: ((await rowsPassed(url)) - before) / CALLS };
  };

  for (const [word, found] of [
    ['rare', 1],
    ['nowhere', 0],
  ] as const) {
    const rare = await read(word, 100);
    expect(rare.found).toBe(found);
    // The ends of the index are looked up to plan with.
    expect(rare.passed).toBeLessThan(10);
  }
  const common = await read('common', 100);
  expect(common.found).toBe(100);
  expect(common.passed).toBeLessThan(2_000);
  await storage.close();
});

function openStorage(url: string): Promise<Storage> {
  return openPostgresStorage({ url, random: seededRandom(1), log: silentLog, synchronous: 'off' });
}

/** Events that were gone through by their numbers, or as the whole table, so far. */
async function rowsPassed(url: string): Promise<number> {
  const [row] = await runOn(
    url,
    `select (select idx_tup_read from pg_stat_user_indexes where indexrelname = 'search_texts_pkey')
       + (select seq_tup_read from pg_stat_user_tables where relname = 'search_texts') as passed`,
  );
  return Number(row?.passed);
}

/** A connection tells what it read when it ends. */
async function endReaders(url: string): Promise<void> {
  const own = "application_name = 'limpet reader' and datname = current_database()";
  await runOn(url, `select pg_terminate_backend(pid, 10_000) from pg_stat_activity where ${own}`);
}

async function runOn(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client(url);
  await client.connect();
  try {
    const results: unknown = await client.query(sql);
    return [results].flat().flatMap((result) => (result as { rows: Record<string, unknown>[] }).rows);
  } finally {
    await client.end();
  }
}
