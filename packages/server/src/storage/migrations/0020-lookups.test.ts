import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { migrate } from '../migrate.ts';
import { postgresAdapter } from '../postgres/postgres-adapter.ts';
import { sqliteAdapter } from '../sqlite/sqlite-adapter.ts';
import { translateSchema } from '../storage-adapter.ts';
import { lookups } from './0020-lookups.ts';
import { MIGRATIONS } from './migrations.ts';

/** So many that a list of them is more than the memory that a statement of this connection may take. */
const MEMBERS = 20_000;

let client: Client;

beforeEach(async () => {
  client = new Client({ connectionString: await createPostgresDatabase() });
  await client.connect();
  await client.query("set work_mem = '64kB'");
});

afterEach(() => client.end());

async function rowsOf(sql: string): Promise<Record<string, unknown>[]> {
  return (await client.query(sql)).rows;
}

async function migrateTo(last: number): Promise<void> {
  const execute = async (sql: string, parameters: readonly (string | number)[] = []) =>
    (await client.query(sql, [...parameters])).rows;
  const begin = async () => void (await client.query('begin'));
  const steps = MIGRATIONS.filter(({ number }) => number <= last);
  await migrate({ adapter: postgresAdapter, execute, begin }, steps, silentLog);
}

test('members are told apart in a large database without going through all of them for each row', async () => {
  await migrateTo(19);
  await client.query(`insert into state_slots (slot_nid, type, state_key)
    select n, case when n % 100 = 0 then 'm.room.alias' else 'm.room.member' end, '@' || n
    from generate_series(1, ${MEMBERS}) n`);
  await client.query(`insert into current_state (room_nid, slot_nid, event_nid, writer, position)
    select n % 10, n, n, 1, n from generate_series(1, ${MEMBERS}) n`);
  await client.query('analyze');
  const [addColumn = '', update = ''] = lookups.statements.map((sql) => translateSchema(sql, postgresAdapter));
  await client.query(`begin; ${addColumn}`);
  const plan = await rowsOf(`explain ${update}`);
  await client.query('rollback');
  const text = plan.map((row) => String(row['QUERY PLAN'])).join('\n');
  expect(text).toContain('Update on current_state');
  expect(text).not.toContain('SubPlan');

  await migrateTo(20);
  const counts = await rowsOf(`select type, is_member::int, count(*)::int from current_state
    join state_slots using (slot_nid) group by type, is_member order by type`);
  expect(counts).toEqual([
    { type: 'm.room.alias', is_member: 0, count: MEMBERS / 100 },
    { type: 'm.room.member', is_member: 1, count: (MEMBERS * 99) / 100 },
  ]);
});

const WALKED = "update event_walks set event_nid = 500 where name = 'search'";
const WALK = "select event_nid from event_walks where name = 'search'";

test('what could be searched on PostgreSQL still can, and the walk goes on where it was', async () => {
  await migrateTo(19);
  await client.query(`insert into search_texts (event_nid, words) values (7, 'limpet zqroom1'); ${WALKED}`);
  await migrateTo(20);
  expect(await rowsOf("select event_nid::int from search_texts where words @@ 'limpet'")).toEqual([{ event_nid: 7 }]);
  expect(await rowsOf(WALK)).toEqual([{ event_nid: '500' }]);
  const options = "select reloptions from pg_class where relname = 'search_texts_by_word'";
  expect(await rowsOf(options)).toEqual([{ reloptions: ['fastupdate=off'] }]);
});

test('on SQLite the walk fills a new index', async () => {
  const database = new DatabaseSync(':memory:');
  const execute = async (sql: string, parameters: readonly (string | number)[] = []) =>
    database.prepare(sql).all(...parameters);
  const connection = { adapter: sqliteAdapter, execute, begin: async () => database.exec('begin') };
  const before = MIGRATIONS.filter(({ number }) => number <= 19);
  await migrate(connection, before, silentLog);
  database.exec(`insert into search_texts (rowid, words) values (7, 'limpet zqroom1'); ${WALKED}`);
  await migrate(connection, MIGRATIONS, silentLog);
  expect(database.prepare('select rowid from search_texts').all()).toEqual([]);
  expect(database.prepare(WALK).all()).toEqual([{ event_nid: 0 }]);
  expect(database.prepare("select sql from sqlite_master where name = 'search_texts'").get()?.sql).toContain('prefix');
  database.close();
});
