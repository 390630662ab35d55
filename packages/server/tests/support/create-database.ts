import { Client } from 'pg';

/** The database that others are copied of; see `start-postgres.ts`. */
export const MIGRATED_DATABASE = 'migrated';

/** Makes a database on the PostgreSQL server at a URL. Both names are the tests' own. */
export function createDatabase(
  serverUrl: string,
  { name, template }: { readonly name: string; readonly template: string },
): Promise<void> {
  return runSql(`${serverUrl}/postgres`, `create database ${name} encoding 'UTF8' template ${template}`);
}

export async function runSql(databaseUrl: string, sql: string): Promise<void> {
  const client = new Client(databaseUrl);
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * Keeps what stands in the tables now, and makes the function that RESET calls. It deletes, as a test leaves a few rows
 * in each table, and `truncate` makes new files for every table and index that it empties.
 */
export const KEEP_PRISTINE = `
  create schema pristine;
  do $do$
  declare name text; is_filled boolean;
  begin
    for name in select tablename from pg_tables where schemaname = 'public' loop
      execute format('select exists (select 1 from public.%I)', name) into is_filled;
      if is_filled then execute format('create table pristine.%I as table public.%I', name, name); end if;
    end loop;
  end $do$;
  do $do$
  declare body text;
  begin
    select string_agg(format('delete from public.%I;', tablename), ' ') into body
      from pg_tables where schemaname = 'public';
    select body || string_agg(format('insert into public.%I select * from pristine.%I;', tablename, tablename), ' ')
      into body from pg_tables where schemaname = 'pristine';
    execute format('create function pristine.reset() returns void language plpgsql as %L', 'begin ' || body || ' end');
  end $do$;`;

/** Makes a copy of the migrated database as it was at first. */
export const RESET = 'select pristine.reset()';
