import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { MIGRATIONS } from '../migrations/migrations.ts';
import { postgresAdapter } from '../postgres/postgres-adapter.ts';
import { sqliteAdapter } from '../sqlite/sqlite-adapter.ts';
import { defineStatement, type SqlParameters, type Statement } from '../statement.ts';
import { createStatementCompiler } from '../statement-compiler.ts';
import { type StorageAdapter, translateSchema } from '../storage-adapter.ts';

/**
 * Every statement that a file of this directory exports has to be right in both dialects, asked or not by other
 * tests.
 */
const statements = await findStatements();

interface FoundStatement {
  readonly name: string;
  readonly statement: Statement<SqlParameters, unknown>;
}

async function findStatements(): Promise<FoundStatement[]> {
  const files = (await readdir(import.meta.dirname)).filter((file) => /^[a-z-]+\.ts$/.test(file));
  const found: FoundStatement[] = [];
  for (const file of files) {
    const exported: Record<string, unknown> = await import(/* @vite-ignore */ join(import.meta.dirname, file));
    for (const [name, value] of Object.entries(exported)) {
      if (isStatement(value)) found.push({ name: `${file} ${name}`, statement: value });
    }
  }
  return found;
}

function isStatement(value: unknown): value is Statement<SqlParameters, unknown> {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string';
}

function schemaFor(adapter: StorageAdapter): string[] {
  return MIGRATIONS.flatMap((migration) => migration.statements.map((text) => translateSchema(text, adapter)));
}

function compileFor(adapter: StorageAdapter, { statement }: FoundStatement): string {
  return createStatementCompiler(adapter).compile(defineStatement(statement.text)).sql;
}

describe('every statement is right', () => {
  test('there are some', () => {
    expect(statements.length).toBeGreaterThan(10);
  });

  test('in SQLite', () => {
    const database = new DatabaseSync(':memory:');
    for (const text of schemaFor(sqliteAdapter)) database.exec(text);
    const wrong = statements.flatMap((found) => {
      try {
        database.prepare(compileFor(sqliteAdapter, found));
        return [];
      } catch (error) {
        return [`${found.name}: ${error}`];
      }
    });
    database.close();
    expect(wrong).toEqual([]);
  });

  test('in PostgreSQL', async () => {
    const client = new Client(await createPostgresDatabase());
    await client.connect();
    for (const text of schemaFor(postgresAdapter)) await client.query(text);
    const wrong: string[] = [];
    for (const [index, found] of statements.entries()) {
      await client.query(`prepare check_${index} as ${compileFor(postgresAdapter, found)}`).catch((error: Error) => {
        // The type of a parameter is said by its value, which is not there yet.
        if (!('code' in error && error.code === '42P18')) wrong.push(`${found.name}: ${error.message}`);
      });
    }
    await client.end();
    expect(wrong).toEqual([]);
  });
});
