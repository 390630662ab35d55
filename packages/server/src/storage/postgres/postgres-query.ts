import { type QueryConfig, types } from 'pg';
import type { BoundValue } from '../storage-adapter.ts';
import { escapeText, unescapeText } from './postgres-text.ts';

/**
 * One call of a statement, as `pg` takes it. Types of parameters are said by the values, never guessed by PostgreSQL:
 * it would take the 1 of `:position + 1` for 32 bits, and the text of `select :userId` for nothing at all.
 */
export function postgresQuery(sql: string, parameters: readonly BoundValue[], statement?: LearnedStatement): Query {
  const learned = statement?.typeNumbers ?? [];
  const typeNumbers = parameters.map((value, index) => typeNumberOf(value) || (learned[index] ?? UNSPECIFIED));
  const query: Query = { text: sql, values: parameters.map(wireValueOf), types: withParsers(typeNumbers) };
  if (statement === undefined) return query;
  statement.typeNumbers = typeNumbers;
  return { ...query, name: `${statement.name}_${typeNumbers.join('_')}` };
}

export type Query = QueryConfig;

/** What is known of a statement that stays prepared; a null says no type, so the one of earlier values is kept. */
export interface LearnedStatement {
  readonly name: string;
  typeNumbers: readonly number[];
}

/** Numbers of types in PostgreSQL's catalogue. */
const UNSPECIFIED = 0;
const BOOL = 16;
const BYTEA = 17;
const INT8 = 20;
const TEXT = 25;
const TEXT_LIST = 1009;
const INT8_LIST = 1016;
const VARCHAR = 1043;
const NUMERIC = 1700;

function typeNumberOf(value: BoundValue): number {
  if (typeof value === 'string') return TEXT;
  if (typeof value === 'number') return INT8;
  if (value === null) return UNSPECIFIED;
  if (value instanceof Uint8Array) return BYTEA;
  const [first] = value;
  if (first === undefined) return UNSPECIFIED;
  return typeof first === 'string' ? TEXT_LIST : INT8_LIST;
}

function wireValueOf(value: BoundValue): unknown {
  if (typeof value === 'string') return escapeText(value);
  if (Array.isArray(value))
    return value.map((element) => (typeof element === 'string' ? escapeText(element) : element));
  return value;
}

type Parser = (text: string) => unknown;

/** Rows look as those of SQLite do: integers (also sums of them) are numbers, truth is 1 or 0, bytes a Uint8Array. */
const PARSERS: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [BOOL, (text) => (text === 't' ? 1 : 0)],
  [BYTEA, (text) => Uint8Array.fromHex(text.slice('\\x'.length))],
  [INT8, toInteger],
  [NUMERIC, toInteger],
  [TEXT, unescapeText],
  [VARCHAR, unescapeText],
]);

function toInteger(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw new RangeError(`${text} is too large for a number of JavaScript`);
  }
  return number;
}

type TypesOfQuery = NonNullable<QueryConfig['types']>;

/**
 * `pg` reads `types` as a list when it prepares (types of parameters), and asks it for parsers of columns after that.
 */
function withParsers(typeNumbers: readonly number[]): TypesOfQuery {
  return Object.assign([...typeNumbers], { getTypeParser });
}

const getTypeParser: TypesOfQuery['getTypeParser'] = (typeNumber, format) =>
  PARSERS.get(Number(typeNumber)) ?? types.getTypeParser(typeNumber, format);
