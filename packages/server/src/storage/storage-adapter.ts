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
  /** What a word in braces of a statement becomes. */
  readonly statementWords: Readonly<Record<StatementWord, string>>;
  /** Writes what full-text search is asked, in the language of the database. */
  searchQuery(terms: SearchTerms): string;
}

/**
 * What is looked for: at least one of `anyOf`, and all of `words`. Everything consists of letters and digits alone, in
 * lower case, and there is something of each.
 */
export interface SearchTerms {
  readonly anyOf: readonly string[];
  readonly words: readonly SearchWord[];
}

export interface SearchWord {
  readonly text: string;
  /** Words that begin so are meant, too. */
  readonly isBeginning: boolean;
}

/**
 * `searchKey` the column of `search_texts` that holds the event's number, `asSearchText` and `asSearchQuery` come after
 * the parameter of a text to be found and of a query, `matches` stands between column and query.
 */
const STATEMENT_WORDS = ['searchKey', 'asSearchText', 'asSearchQuery', 'matches'] as const;

export type StatementWord = (typeof STATEMENT_WORDS)[number];

/** A word in braces of a statement. */
export function statementWord(word: string, adapter: StorageAdapter): string {
  if (!isStatementWord(word)) throw new Error(`{${word}} is not a word of statements: ${STATEMENT_WORDS.join(', ')}`);
  return adapter.statementWords[word];
}

function isStatementWord(word: string): word is StatementWord {
  return (STATEMENT_WORDS as readonly string[]).includes(word);
}

/**
 * `nid` an integer that is a primary key of its own, `bigint` 64 bits, `text` compared by code point, `bytes`;
 * `end` comes after the closing parenthesis of a table, `clustered` in its place where the rows are small and are best
 * kept in the order of a primary key of several columns; `searchIndex` the table `search_texts` of full-text search as
 * it was at first: the number of an event (see `searchKey`) and its `words`, separated by spaces. `retireSearchIndex`
 * and `renewSearchIndex` are the statements that make of it the one of today, in place or empty.
 */
const SCHEMA_WORDS = [
  ...(['nid', 'bigint', 'text', 'bytes', 'end', 'clustered'] as const),
  ...(['searchIndex', 'retireSearchIndex', 'renewSearchIndex'] as const),
] as const;

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
