import type { SqlValue } from './statement.ts';

export type Dialect = 'sqlite' | 'postgres';

/** What a driver gets for one placeholder. PostgreSQL takes a list as it is, SQLite as a text of JSON. */
export type BoundValue = SqlValue | readonly number[] | readonly string[];

/** Every difference between the two databases that portable SQL cannot hide, by name. */
export interface StorageAdapter {
  readonly dialect: Dialect;
  /** What a word in braces of a migration becomes, e.g. `{text}`. */
  readonly schemaWords: Readonly<Record<SchemaWord, string>>;
  /** The placeholder of the parameter with this index, counted from 1. The same one may stand more than once. */
  placeholder(index: number): string;
  /**
   * The condition "is (not) an element of the list", which comes after an expression. One placeholder stands for the
   * list.
   */
  listCondition(placeholder: string, isNegated: boolean): string;
  bindList(list: readonly number[] | readonly string[]): BoundValue;
}

/**
 * `nid` an integer that is a primary key of its own, `bigint` 64 bits, `text` compared by code point, `bytes`;
 * `end` comes after the closing parenthesis of a table, `clustered` in its place where the rows are small and are best
 * kept in the order of a primary key of several columns.
 */
const SCHEMA_WORDS = ['nid', 'bigint', 'text', 'bytes', 'end', 'clustered'] as const;

export type SchemaWord = (typeof SCHEMA_WORDS)[number];

/** A migration's portable text in the words of one dialect. */
export function translateSchema(text: string, adapter: StorageAdapter): string {
  const translated = text.replaceAll(/\{(\w+)\}/g, (_, word: string) => {
    if (!isSchemaWord(word))
      throw new Error(`{${word}} is not a word of schemas; there are ${SCHEMA_WORDS.join(', ')}`);
    return adapter.schemaWords[word];
  });
  return translated.trimEnd();
}

function isSchemaWord(word: string): word is SchemaWord {
  return (SCHEMA_WORDS as readonly string[]).includes(word);
}
