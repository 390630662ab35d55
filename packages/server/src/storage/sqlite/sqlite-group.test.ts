import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { GroupBatch, WriteGroup } from '../write-group.ts';
import { createSqliteGroups } from './sqlite-group.ts';

const TEXTS = ['insert into notes (note) values (?1)', 'insert into no_such_table values (?1)'];

function createScene() {
  const database = new DatabaseSync(':memory:');
  database.exec('create table writers (writer integer primary key, position integer, last_group integer) strict');
  database.exec('insert into writers values (1, 0, 0)');
  database.exec('create table notes (note text unique) strict');
  const groups = createSqliteGroups({ database, writer: 1, sqlOf: (number) => TEXTS[number] ?? '' });
  const saved = () => database.prepare('select position, last_group from writers').get();
  const count = () => Number(database.prepare('select count(*) as count from notes').get()?.count);
  return { database, groups, saved, count };
}

function insertion(note: string, statement = 0): GroupBatch {
  return { lane: undefined, steps: [{ kind: 'run', statement, parameters: [note], expectation: '' }] };
}

function group(number: number, ...batches: GroupBatch[]): WriteGroup {
  return { number, position: number * 100, batches };
}

test('a full disk fails the whole group, leaves nothing of it, and the next is written when there is room', () => {
  const { database, groups, saved, count } = createScene();
  groups.commit(group(1, insertion('kept')));
  database.exec('pragma max_page_count = 6');
  expect(() => groups.commit(group(2, insertion('small'), insertion('x'.repeat(100_000))))).toThrow('full');
  expect([count(), saved()]).toEqual([1, { position: 100, last_group: 1 }]);
  database.exec('pragma max_page_count = 1000000');
  expect(groups.commit(group(3, insertion('later')))).toEqual([{ outcome: 'committed', rows: [] }]);
  expect([count(), saved()]).toEqual([2, { position: 300, last_group: 3 }]);
});

test('wrong SQL fails its batch alone, and says which statement it was', () => {
  const { groups, count } = createScene();
  const results = groups.commit(group(1, insertion('a'), insertion('b', 1), insertion('c')));
  expect(results).toMatchObject([{ outcome: 'committed' }, { outcome: 'statement-failed', sql: TEXTS[1] }, {}]);
  expect(count()).toBe(2);
});

test('the position is kept even when every batch fails', () => {
  const { groups, saved } = createScene();
  groups.commit(group(1, insertion('same')));
  groups.commit(group(2, insertion('same')));
  expect(saved()).toEqual({ position: 200, last_group: 2 });
});
