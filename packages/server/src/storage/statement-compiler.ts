import type { SqlParameters, Statement } from './statement.ts';
import { type BoundValue, type StorageAdapter, statementWord } from './storage-adapter.ts';

/** Statements are constants of the code, so this many different ones mean that somebody builds their texts. */
const MAX_STATEMENTS = 4_000;

/** A statement in the words of one dialect. */
export interface CompiledStatement {
  /** Stands for the text between threads and in the names of prepared statements; counted from 0. */
  readonly number: number;
  readonly sql: string;
  /** The parameter of each placeholder. */
  readonly names: readonly string[];
}

/** A bound value that is still being made. */
export interface LateText {
  readonly text: Promise<string>;
  readonly parameters: BoundValue[];
  readonly index: number;
}

/** Puts texts into their places once all are there. Throws what one of them does. */
export async function bindLateTexts(late: readonly LateText[]): Promise<void> {
  const texts = await Promise.all(late.map(({ text }) => text));
  for (const [index, text] of texts.entries()) {
    const place = late[index];
    if (place !== undefined) place.parameters[place.index] = checkText('a text that came late', text);
  }
}

/** Turns portable statements into those of one dialect, each once. */
export interface StatementCompiler {
  compile(statement: Statement<SqlParameters, unknown>): CompiledStatement;
  /** Of a text to come, null: `LateText` says where it belongs. Without `late` there may be none. */
  bind(compiled: CompiledStatement, parameters: SqlParameters, late?: LateText[]): BoundValue[];
  /** The text of a number. */
  sql(number: number): string;
}

/** Half of a surrogate pair is no Unicode text; neither database can keep it. Whoever reads JSON refuses it before. */
export class UnstorableText extends Error {
  constructor(name: string) {
    super(`The text for ${name} has half of a surrogate pair, which no database can keep`);
    this.name = 'UnstorableText';
  }
}

export function createStatementCompiler(adapter: StorageAdapter): StatementCompiler {
  const byStatement = new WeakMap<object, CompiledStatement>();
  const byText = new Map<string, CompiledStatement>();
  const texts: string[] = [];

  function compileText(text: string): CompiledStatement {
    const known = byText.get(text);
    if (known !== undefined) return known;
    if (texts.length >= MAX_STATEMENTS) {
      throw new Error(`More than ${MAX_STATEMENTS} different statements: their texts have to be constants`);
    }
    const compiled = { number: texts.length, ...translateStatement(text, adapter) };
    texts.push(compiled.sql);
    byText.set(text, compiled);
    return compiled;
  }

  return {
    compile(statement) {
      let compiled = byStatement.get(statement);
      if (compiled === undefined) {
        compiled = compileText(statement.text);
        byStatement.set(statement, compiled);
      }
      return compiled;
    },
    bind(compiled, values, late) {
      const parameters: BoundValue[] = [];
      for (const name of compiled.names) {
        const value = values[name];
        const isLate = late !== undefined && value instanceof Promise;
        if (isLate) late.push({ text: value, parameters, index: parameters.length });
        parameters.push(isLate ? null : bindValue(name, value, adapter));
      }
      return parameters;
    },
    sql(number) {
      const sql = texts[number];
      if (sql === undefined) throw new Error(`There is no statement ${number}`);
      return sql;
    },
  };
}

/** Checks one value, so that both dialects take and refuse the same. */
export function bindValue(name: string, value: unknown, adapter: StorageAdapter): BoundValue {
  if (typeof value === 'string') return checkText(name, value);
  if (typeof value === 'number') return checkNumber(name, value);
  if (value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return adapter.bindList(checkList(name, value));
  throw new Error(`${name} is ${typeof value}; a statement takes texts, integers, bytes, null and lists`);
}

function checkText(name: string, text: string): string {
  if (!text.isWellFormed()) throw new UnstorableText(name);
  return text;
}

function checkNumber(name: string, number: number): number {
  if (!Number.isSafeInteger(number)) throw new Error(`${name} is ${number}, which is not an integer below 2^53`);
  return number;
}

function checkList(name: string, list: readonly unknown[]): number[] | string[] {
  if (list.every((element) => typeof element === 'string')) return list.map((element) => checkText(name, element));
  if (list.every((element) => typeof element === 'number')) return list.map((element) => checkNumber(name, element));
  throw new Error(`${name} is a list of mixed things; a list has numbers or texts alone`);
}

/** Literals, comments and casts, which have no parameters; `[not] in (:...list)`; `:name`; `{word}`. */
const TOKEN = new RegExp(
  [
    String.raw`'(?:[^']|'')*'|"[^"]*"|--[^\n]*|::`,
    String.raw`(?<not>\bnot\s+)?\bin\s*\(\s*:\.\.\.'?(?<list>\w+)'?\s*\)`,
    String.raw`:(?<name>[A-Za-z_]\w*|\.\.\.)`,
    String.raw`\{(?<word>\w+)\}`,
  ].join('|'),
  'gi',
);

function translateStatement(text: string, adapter: StorageAdapter): { sql: string; names: string[] } {
  const names: string[] = [];
  function placeholderOf(name: string): string {
    if (!names.includes(name)) names.push(name);
    return adapter.placeholder(names.indexOf(name) + 1);
  }
  let sql = '';
  let end = 0;
  for (const token of text.matchAll(TOKEN)) {
    const { not, list, name, word } = token.groups ?? {};
    sql += text.slice(end, token.index);
    end = token.index + token[0].length;
    if (name === '...') throw new Error(`A list stands as "in (:...name)" only: ${text}`);
    if (name !== undefined) sql += placeholderOf(name);
    else if (list !== undefined) sql += adapter.listCondition(placeholderOf(list), not !== undefined);
    else if (word !== undefined) sql += statementWord(word, adapter);
    else sql += token[0];
  }
  return { sql: sql + text.slice(end), names };
}
