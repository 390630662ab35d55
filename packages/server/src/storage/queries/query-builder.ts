import {
  type Compilable,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { CompiledRead } from '../statement.ts';
import type { Dialect } from '../storage-adapter.ts';
import type { QueryTables } from './query-tables.ts';

/** Puts together what differs from call to call (filters). It never runs anything: see `compileRead`. */
export type QueryBuilder = Kysely<QueryTables>;

export function createQueryBuilder(dialect: Dialect): QueryBuilder {
  return new Kysely<QueryTables>({ dialect: dialect === 'sqlite' ? SQLITE_WORDS : POSTGRES_WORDS });
}

/** What `storage.readCompiled` takes, with the type of its rows. */
export function compileRead<R>(query: Compilable<R>): CompiledRead<R> {
  const { sql, parameters } = query.compile();
  return { sql, parameters };
}

const SQLITE_WORDS = {
  createAdapter: () => new SqliteAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (builder: Kysely<unknown>) => new SqliteIntrospector(builder),
  createQueryCompiler: () => new SqliteQueryCompiler(),
};

const POSTGRES_WORDS = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (builder: Kysely<unknown>) => new PostgresIntrospector(builder),
  createQueryCompiler: () => new PostgresQueryCompiler(),
};
