import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MIGRATIONS } from '../../src/storage/migrations/migrations.ts';
import { defineStatement, type SqlParameters, type Statement } from '../../src/storage/statement.ts';
import { createStatementCompiler } from '../../src/storage/statement-compiler.ts';
import { type StorageAdapter, translateSchema } from '../../src/storage/storage-adapter.ts';

const QUERIES = join(import.meta.dirname, '../../src/storage/queries');

export interface FoundStatement {
  /** Of its constant, with a number where that is a list. */
  readonly name: string;
  readonly file: string;
  readonly statement: Statement<SqlParameters, unknown>;
}

/** Every statement that a file of the queries exports. */
export async function findStatements(): Promise<FoundStatement[]> {
  const files = (await readdir(QUERIES)).filter((file) => /^[a-z-]+\.ts$/.test(file));
  const found: FoundStatement[] = [];
  for (const file of files) {
    const exported: Record<string, unknown> = await import(/* @vite-ignore */ join(QUERIES, file));
    for (const [name, value] of Object.entries(exported)) {
      if (isStatement(value)) found.push({ name, file, statement: value });
      if (!Array.isArray(value)) continue;
      for (const [index, one] of value.entries()) {
        if (isStatement(one)) found.push({ name: `${name}[${index}]`, file, statement: one });
      }
    }
  }
  return found;
}

/** The statements that make the schema of today. */
export function schemaFor(adapter: StorageAdapter): string[] {
  return MIGRATIONS.flatMap((migration) => migration.statements.map((text) => translateSchema(text, adapter)));
}

export function compileFor(adapter: StorageAdapter, { statement }: FoundStatement): string {
  return createStatementCompiler(adapter).compile(defineStatement(statement.text)).sql;
}

function isStatement(value: unknown): value is Statement<SqlParameters, unknown> {
  return typeof value === 'object' && value !== null && 'text' in value && typeof value.text === 'string';
}
