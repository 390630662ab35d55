import { expect, test } from 'vitest';
import { postgresAdapter } from './postgres/postgres-adapter.ts';
import { sqliteAdapter } from './sqlite/sqlite-adapter.ts';
import { translateSchema } from './storage-adapter.ts';

test('a table in the words of both dialects', () => {
  const text = 'create table t (a {nid} primary key, b {text} not null, c {bigint}, d {bytes}){end}';
  expect(translateSchema(text, sqliteAdapter)).toBe(
    'create table t (a integer primary key, b text not null, c integer, d blob) strict',
  );
  expect(translateSchema(text, postgresAdapter)).toBe(
    'create table t (a bigint primary key, b text collate "C" not null, c bigint, d bytea)',
  );
  expect(translateSchema('create table t (a {nid}){clustered}', sqliteAdapter)).toBe(
    'create table t (a integer) strict, without rowid',
  );
});

test('an unknown word is a fault that says which there are', () => {
  expect(() => translateSchema('create table t (a {integer})', sqliteAdapter)).toThrow('{integer} is not a word');
});
