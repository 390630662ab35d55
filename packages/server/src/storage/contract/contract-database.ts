import type { Migration } from '../migrations/migration.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import { defineStatement, type TextToCome } from '../statement.ts';
import type { Storage } from '../storage.ts';

/** One database that can be opened, closed and opened again. */
export interface ContractDatabase {
  open(migrations?: readonly Migration[]): Promise<Storage>;
}

/** The schema of the server and one table for the contract. */
export const CONTRACT_MIGRATIONS: readonly Migration[] = [
  ...MIGRATIONS,
  {
    number: 1_000,
    name: 'contract',
    statements: [
      `create table things (
        thing_nid {nid} primary key, name {text} not null unique, note {text}, size {bigint}, content {bytes}){end}`,
      `create table pairs (
        first {text} not null, second {bigint} not null, primary key (first, second)){clustered}`,
    ],
  },
];

export interface ThingRow {
  thing_nid: number;
  name: string;
  note: string | null;
  size: number | null;
  content: Uint8Array | null;
}

export interface NewThing {
  readonly thingNid: number;
  readonly name: string | TextToCome;
  readonly note: string | null;
  readonly size: number | null;
  readonly content: Uint8Array | null;
  readonly [key: string]: string | number | Uint8Array | null | TextToCome;
}

export const insertThing = defineStatement<NewThing>(
  'insert into things (thing_nid, name, note, size, content) values (:thingNid, :name, :note, :size, :content)',
);

export const renameThing = defineStatement<{ thingNid: number; name: string }>(
  'update things set name = :name where thing_nid = :thingNid',
);

export const renameThingReturning = defineStatement<
  { thingNid: number; name: string },
  { thing_nid: number; name: string }
>('update things set name = :name where thing_nid = :thingNid returning thing_nid, name');

export const selectThing = defineStatement<{ name: string }, ThingRow>(
  'select thing_nid, name, note, size, content from things where name = :name',
);

export const selectThings = defineStatement<Record<string, never>, ThingRow>(
  'select thing_nid, name, note, size, content from things order by name',
);

/** A thing with nothing but what it must have. */
export function thing(thingNid: number, name = `thing ${thingNid}`): NewThing {
  return { thingNid, name, note: null, size: null, content: null };
}

/** Names of all things, in the order of the database. */
export async function thingNames(storage: Storage): Promise<string[]> {
  return (await storage.read(selectThings, {})).map((row) => row.name);
}
