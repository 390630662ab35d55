import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { Dialect } from '../storage-adapter.ts';
import type { EventRow } from './events.ts';

/** The tables that are asked by queries put together at run time. */
export interface QueryTables {
  events: EventRow;
  event_relations: {
    event_nid: number;
    room_nid: number;
    parent_id: string;
    rel_type: string;
    sender: string;
  };
}

/**
 * Puts together what differs from call to call (filters). It never runs anything: see `compileRead`. Kysely is large,
 * and most requests do without it: import this file with `import()`.
 */
export type QueryBuilder = Kysely<QueryTables>;

export function createQueryBuilder(dialect: Dialect): QueryBuilder {
  return new Kysely<QueryTables>({ dialect: dialect === 'sqlite' ? SQLITE_WORDS : POSTGRES_WORDS });
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
