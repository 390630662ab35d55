import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { migrate } from '../migrate.ts';
import { postgresAdapter } from '../postgres/postgres-adapter.ts';
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
