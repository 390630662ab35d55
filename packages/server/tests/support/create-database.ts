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

/** Keeps what stands in the tables now, and makes the function that RESET calls. */
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
  create function pristine.reset() returns void language plpgsql as $function$
  declare name text; is_filled boolean; filled text[] := '{}';
  begin
    for name in select tablename from pg_tables where schemaname = 'public' loop
      execute format('select exists (select 1 from public.%I)', name) into is_filled;
      if is_filled then filled := filled || format('public.%I', name); end if;
    end loop;
    if cardinality(filled) > 0 then execute 'truncate ' || array_to_string(filled, ', ') || ' restart identity'; end if;
    for name in select tablename from pg_tables where schemaname = 'pristine' loop
      execute format('insert into public.%I select * from pristine.%I', name, name);
    end loop;
  end $function$;`;

/** Makes a copy of the migrated database as it was at first. */
export const RESET = 'select pristine.reset()';
