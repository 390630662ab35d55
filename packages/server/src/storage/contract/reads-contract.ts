import { describe, expect, test } from 'vitest';
import { compileRead } from '../queries/compile-read.ts';
import { defineStatement } from '../statement.ts';
import { UnstorableText } from '../statement-compiler.ts';
import type { Storage } from '../storage.ts';
import {
  type ContractDatabase,
  insertThing,
  type NewThing,
  selectThing,
  thing,
  thingNames,
} from './contract-database.ts';
import { createOpener } from './opened-storages.ts';

export function describeReads(create: () => Promise<ContractDatabase>): void {
  describe('reads and values', () => {
    const open = createOpener(create);
    describeValues(open);
    describeTexts(open);
    describeLists(open);
    describeArithmetic(open);
    describeBuiltQueries(open);
  });
}

type Open = ReturnType<typeof createOpener>;

async function insert(storage: Storage, ...things: NewThing[]): Promise<void> {
  await storage.write((transaction) => {
    for (const one of things) transaction.run(insertThing, one);
  });
}

function describeValues(open: Open): void {
  test('every kind of value comes back as it went in', async () => {
    const { storage } = await open();
    const content = Uint8Array.from({ length: 256 }, (_, index) => index);
    const given = { thingNid: 1, name: 'all', note: '', size: Number.MAX_SAFE_INTEGER, content };
    await insert(storage, given, { ...given, thingNid: 2, name: 'least', size: Number.MIN_SAFE_INTEGER });
    expect(await storage.read(selectThing, { name: 'all' })).toEqual([
      { thing_nid: 1, name: 'all', note: '', size: Number.MAX_SAFE_INTEGER, content },
    ]);
    const [least] = await storage.read(selectThing, { name: 'least' });
    expect(least?.size).toBe(Number.MIN_SAFE_INTEGER);
    expect(least?.content).toBeInstanceOf(Uint8Array);
  });

  test('a value first null, then given, then null again', async () => {
    const { storage } = await open();
    await insert(storage, { ...thing(1), size: null }, { ...thing(2), size: 5 }, { ...thing(3), size: null });
    const sizes = defineStatement<Record<string, never>, { size: number | null }>(
      'select size from things order by thing_nid',
    );
    expect(await storage.read(sizes, {})).toEqual([{ size: null }, { size: 5 }, { size: null }]);
  });

  test('big values', async () => {
    const { storage } = await open();
    const note = 'ä'.repeat(1_000_000);
    const content = new Uint8Array(3_000_000).fill(7);
    await insert(storage, { ...thing(1, 'big'), note, content });
    const [row] = await storage.read(selectThing, { name: 'big' });
    expect(row?.note === note).toBe(true);
    expect(row?.content?.length).toBe(content.length);
    expect(row?.content?.every((byte) => byte === 7)).toBe(true);
  });

  test('what is no value is refused before anything is written', async () => {
    const { storage } = await open();
    await expect(insert(storage, { ...thing(1), size: 1.5 })).rejects.toThrow('size is 1.5');
    await expect(insert(storage, { ...thing(1), size: 2 ** 53 })).rejects.toThrow('below 2^53');
    const { note: _, ...incomplete } = thing(1);
    await expect(insert(storage, incomplete as unknown as NewThing)).rejects.toThrow('note is undefined');
    expect(await thingNames(storage)).toEqual([]);
  });
}

function describeTexts(open: Open): void {
  test('any Unicode text is kept: beyond the basic plane, unassigned, NUL, control characters', async () => {
    const { storage } = await open();
    const texts = [
      '😀 ü ﷽',
      '\uffff\u{10ffff}',
      'a\u0000b',
      '\u0000',
      '\u0001',
      '\u00010',
      '\u0001\u0000\u00011',
      "'--;",
    ];
    await insert(storage, ...texts.map((text, index) => ({ ...thing(index + 1, text), note: text })));
    for (const text of texts) {
      const rows = await storage.read(selectThing, { name: text });
      expect(rows.map((row) => [row.name, row.note])).toEqual([[text, text]]);
    }
    const listed = defineStatement<{ names: string[] }, { name: string }>(
      'select name from things where name in (:...names)',
    );
    expect(await storage.read(listed, { names: texts })).toHaveLength(texts.length);
  });

  test('half of a surrogate pair is refused by name, in writes, reads and lists', async () => {
    const { storage } = await open();
    await expect(insert(storage, thing(1, 'half \ud83d'))).rejects.toThrow(UnstorableText);
    await expect(storage.read(selectThing, { name: '\ude00' })).rejects.toThrow(UnstorableText);
    const listed = defineStatement<{ names: string[] }, { name: string }>(
      'select name from things where name in (:...names)',
    );
    await expect(storage.read(listed, { names: ['fine', '\ud83d'] })).rejects.toThrow(UnstorableText);
  });

  test('texts are ordered and compared by code point', async () => {
    const { storage } = await open();
    const names = ['B', 'a', 'Z', 'ä', 'b', 'A', '\u0000', '\u0001', '\u0002', '\uffff', '😀', 'a b', 'a_b'];
    await insert(storage, ...names.map((name, index) => thing(index + 1, name)));
    const ordered = ['\u0000', '\u0001', '\u0002', 'A', 'B', 'Z', 'a', 'a b', 'a_b', 'b', 'ä', '\uffff', '😀'];
    expect(await thingNames(storage)).toEqual(ordered);
  });
}

function describeLists(open: Open): void {
  test('a list is one parameter, of numbers or of texts, short, empty or long', async () => {
    const { storage } = await open();
    await insert(storage, ...Array.from({ length: 20 }, (_, index) => thing(index + 1)));
    const byNid = defineStatement<{ thingNids: number[] }, { thing_nid: number }>(
      'select thing_nid from things where thing_nid in (:...thingNids) order by thing_nid',
    );
    const without = defineStatement<{ names: string[]; least: number }, { thing_nid: number }>(
      "select thing_nid from things where name not in (:...'names) and thing_nid >= :least order by thing_nid",
    );
    expect(await storage.read(byNid, { thingNids: [3, 99, 1] })).toEqual([{ thing_nid: 1 }, { thing_nid: 3 }]);
    expect(await storage.read(byNid, { thingNids: [] })).toEqual([]);
    const many = Array.from({ length: 50_000 }, (_, index) => index);
    expect(await storage.read(byNid, { thingNids: many })).toHaveLength(20);
    expect(await storage.read(without, { names: ['thing 19'], least: 18 })).toEqual([
      { thing_nid: 18 },
      { thing_nid: 20 },
    ]);
    expect(await storage.read(without, { names: [], least: 20 })).toEqual([{ thing_nid: 20 }]);
  });

  test('the tally counts reads and the rows they returned', async () => {
    const { storage } = await open();
    await insert(storage, thing(1), thing(2), thing(3));
    await thingNames(storage);
    await storage.read(selectThing, { name: 'nobody' });
    expect(storage.tally).toEqual({ reads: 2, rowsRead: 3, batches: 1, commits: 1 });
  });
}

function describeArithmetic(open: Open): void {
  test('counts, sums, comparisons and integer division are integers', async () => {
    const { storage } = await open();
    await insert(storage, { ...thing(1), size: 2_000_000_000_000 }, { ...thing(2), size: 3 });
    const figures = defineStatement<{ seven: number }, Record<string, number>>(
      `select count(*) as things, sum(size) as total, max(size) as most, :seven / 2 as half,
        :seven + 5000000000 as more, max(size) > 5 as is_large, min(size) > 5 as is_all_large from things`,
    );
    expect(await storage.read(figures, { seven: 7 })).toEqual([
      {
        things: 2,
        total: 2_000_000_000_003,
        most: 2_000_000_000_000,
        half: 3,
        more: 5_000_000_007,
        is_large: 1,
        is_all_large: 0,
      },
    ]);
  });

  test('a name may stand twice, next to literals, comments and casts with colons', async () => {
    const { storage } = await open();
    const mixed = defineStatement<{ a: number; b: string }, Record<string, unknown>>(
      `select :a + :a as twice, ':a' as literal, :b as text, -- not :c
        cast(:a as bigint) as again`,
    );
    expect(await storage.read(mixed, { a: 21, b: 'x' })).toEqual([{ twice: 42, literal: ':a', text: 'x', again: 21 }]);
  });

  test('an upsert that returns', async () => {
    const { storage } = await open();
    const bump = defineStatement<{ thingNid: number; size: number }, { size: number }>(
      `insert into things (thing_nid, name, size) values (:thingNid, 'counter', :size)
        on conflict (thing_nid) do update set size = things.size + excluded.size returning size`,
    );
    const { value, rows } = await storage.write((transaction) => [
      transaction.fetch(bump, { thingNid: 1, size: 2 }),
      transaction.fetch(bump, { thingNid: 1, size: 40 }),
    ]);
    expect(value.map((handle) => rows(handle))).toEqual([[{ size: 2 }], [{ size: 42 }]]);
  });
}

function describeBuiltQueries(open: Open): void {
  test('a query put together at run time is read with its values', async () => {
    const { storage } = await open();
    const builder = await storage.builder();
    const query = builder
      .selectFrom('events')
      .select(['event_id', 'room_index'])
      .where('type', 'in', ['m.room.message', 'm.sticker\u0000'])
      .where('room_nid', '=', 5)
      .orderBy('room_index', 'desc')
      .limit(10);
    expect(await storage.readCompiled(compileRead(query))).toEqual([]);
    const unstorable = builder.selectFrom('events').select('event_id').where('type', '=', '\ud800');
    await expect(storage.readCompiled(compileRead(unstorable))).rejects.toThrow(UnstorableText);
  });
}
