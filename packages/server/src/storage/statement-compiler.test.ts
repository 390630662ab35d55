import { describe, expect, test } from 'vitest';
import { postgresAdapter } from './postgres/postgres-adapter.ts';
import { sqliteAdapter } from './sqlite/sqlite-adapter.ts';
import { defineStatement, type SqlParameters } from './statement.ts';
import { createStatementCompiler } from './statement-compiler.ts';

function compileBoth(text: string): { sqlite: string; postgres: string; names: readonly string[] } {
  const statement = defineStatement<SqlParameters, unknown>(text);
  const { sql, names } = createStatementCompiler(sqliteAdapter).compile(statement);
  return { sqlite: sql, postgres: createStatementCompiler(postgresAdapter).compile(statement).sql, names };
}

describe('translation', () => {
  test('each name is one placeholder, however often it stands', () => {
    expect(compileBoth('select :a, :b where x = :a')).toEqual({
      sqlite: 'select ?1, ?2 where x = ?1',
      postgres: 'select $1, $2 where x = $1',
      names: ['a', 'b'],
    });
  });

  test('a list is one placeholder, in both spellings and negated', () => {
    expect(compileBoth("a in (:...one) and b NOT  IN ( :...'two ) and c = :three")).toEqual({
      sqlite: 'a in (select value from json_each(?1)) and b not in (select value from json_each(?2)) and c = ?3',
      postgres: 'a = any($1) and b <> all($2) and c = $3',
      names: ['one', 'two', 'three'],
    });
  });

  test('colons in literals, quoted names, comments and casts are left alone', () => {
    const text = `select ':a', 'it''s :b', ":c", x::bigint -- :d\n, :e`;
    expect(compileBoth(text)).toMatchObject({ sqlite: text.replace(', :e', ', ?1'), names: ['e'] });
  });

  test('a list that is not after "in" is a fault', () => {
    expect(() => compileBoth('select :...a')).toThrow('stands as "in (:...name)" only');
  });
});

describe('compiling', () => {
  test('the same text is the same statement, known by its number', () => {
    const compiler = createStatementCompiler(sqliteAdapter);
    const first = compiler.compile(defineStatement('select 1'));
    const second = compiler.compile(defineStatement('select 2'));
    expect(compiler.compile(defineStatement('select 1'))).toBe(first);
    expect([compiler.sql(first.number), compiler.sql(second.number)]).toEqual(['select 1', 'select 2']);
    expect(() => compiler.sql(2)).toThrow('no statement 2');
  });

  test('texts made at run time are found out', () => {
    const compiler = createStatementCompiler(sqliteAdapter);
    const compileMany = () => {
      for (let count = 0; count <= 4_000; count++) compiler.compile(defineStatement(`select ${count}`));
    };
    expect(compileMany).toThrow('have to be constants');
  });

  test('what is no value is refused by name', () => {
    const compiler = createStatementCompiler(sqliteAdapter);
    const compiled = compiler.compile(defineStatement('select :a'));
    const bind = (a: unknown) => () => compiler.bind(compiled, { a } as SqlParameters);
    expect(bind(undefined)).toThrow('a is undefined');
    expect(bind(true)).toThrow('a is boolean');
    expect(bind(Number.NaN)).toThrow('a is NaN');
    expect(bind(['x', 1])).toThrow('a is a list of mixed things');
    expect(bind({})).toThrow('a is object');
  });
});
