import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { compileFor, findStatements, schemaFor } from '../../../tests/support/every-statement.ts';
import { createPostgresDatabase } from '../../../tests/support/test-postgres.ts';
import { postgresAdapter } from '../postgres/postgres-adapter.ts';
import { sqliteAdapter } from '../sqlite/sqlite-adapter.ts';

/**
 * Every statement that a file of this directory exports has to be right in both dialects, asked or not by other
 * tests.
 */
const statements = await findStatements();

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
        return [`${found.file} ${found.name}: ${error}`];
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
        const isUntold = 'code' in error && error.code === '42P18';
        if (!isUntold) wrong.push(`${found.file} ${found.name}: ${error.message}`);
      });
    }
    await client.end();
    expect(wrong).toEqual([]);
  });
});
