import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { SavedState } from './assemble-storage.ts';
import { DatabaseUnusable } from './database-unusable.ts';
import type { Migration } from './migrations/migration.ts';
import { type StorageAdapter, translateSchema } from './storage-adapter.ts';
import type { Row } from './write-group.ts';

/** A connection that may change the schema. Used before anything else is. */
export interface SchemaConnection {
  readonly adapter: StorageAdapter;
  execute(sql: string, parameters?: readonly (string | number)[]): Promise<readonly Row[]>;
  /** Begins a transaction in which no other process migrates. */
  begin(): Promise<void>;
}

const CREATE_BOOKKEEPING =
  'create table if not exists schema_migrations (number {bigint} primary key, name {text} not null){end}';

/**
 * Takes the steps that the database lacks, each in a transaction of its own. @throws DatabaseUnusable when it is
 * newer.
 */
export async function migrate(connection: SchemaConnection, migrations: readonly Migration[], log: Log): Promise<void> {
  await connection.execute(translateSchema(CREATE_BOOKKEEPING, connection.adapter));
  await checkNotNewer(connection, migrations);
  for (const migration of migrations) {
    if (await takeStep(connection, migration)) {
      log.info('Database schema brought up to date', { step: migration.number, name: migration.name });
    }
  }
}

async function checkNotNewer(connection: SchemaConnection, migrations: readonly Migration[]): Promise<void> {
  const [row] = await connection.execute('select max(number) as number from schema_migrations');
  const inDatabase = Number(row?.number ?? 0);
  const known = Math.max(0, ...migrations.map((migration) => migration.number));
  if (inDatabase <= known) return;
  throw new DatabaseUnusable(
    `The database is of a newer Limpet: its schema is at step ${inDatabase}, this version knows ${known}. ` +
      'Start the newer version, or restore the backup made before the upgrade.',
  );
}

/** Whether there was something to do; asked inside the transaction, as another process may have done it meanwhile. */
async function takeStep(connection: SchemaConnection, migration: Migration): Promise<boolean> {
  const { adapter } = connection;
  const { number, name } = migration;
  const one = adapter.placeholder(1);
  await connection.begin();
  try {
    const done = await connection.execute(`select number from schema_migrations where number = ${one}`, [number]);
    if (done.length === 0) {
      for (const statement of migration.statements) await connection.execute(translateSchema(statement, adapter));
      const values = `${one}, ${adapter.placeholder(2)}`;
      await connection.execute(`insert into schema_migrations (number, name) values (${values})`, [number, name]);
    }
    await connection.execute('commit');
    return done.length === 0;
  } catch (error) {
    await connection.execute('rollback');
    throw new DatabaseUnusable(`Step ${number} (${name}) of the database schema failed: ${messageOf(error)}`, error);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Letters and digits that nobody takes for one another. There are 32, so that a byte gives one without preference. */
const TAG_ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789';
const TAG_LENGTH = 6;
const HOLDER_LENGTH = 20;

/** What the migrated database says of itself; makes its tag and the row of this writer when it is new. */
export async function loadSavedState(
  connection: SchemaConnection,
  writer: number,
  random: Random,
): Promise<SavedState> {
  const [one, two] = [connection.adapter.placeholder(1), connection.adapter.placeholder(2)];
  const holder = makeName(random, HOLDER_LENGTH);
  await connection.execute(
    `insert into meta (name, value) values ('database_tag', ${one}) on conflict (name) do nothing`,
    [makeName(random, TAG_LENGTH)],
  );
  await connection.execute(
    `insert into writers (writer, position, last_group, holder) values (${one}, 0, 0, ${two})
      on conflict (writer) do update set holder = excluded.holder`,
    [writer, holder],
  );
  const [tag] = await connection.execute("select value from meta where name = 'database_tag'");
  const writers = await connection.execute('select writer, position, last_group from writers order by writer');
  const own = writers.find((row) => row.writer === writer);
  return {
    databaseTag: String(tag?.value),
    writer,
    lastGroup: Number(own?.last_group),
    holder,
    positions: new Map(writers.map((row) => [Number(row.writer), Number(row.position)])),
  };
}

function makeName(random: Random, length: number): string {
  return Array.from(random.bytes(length), (byte) => TAG_ALPHABET[byte % TAG_ALPHABET.length]).join('');
}
