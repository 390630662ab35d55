import { Client } from 'pg';
import { afterEach, describe, expect, test } from 'vitest';
import {
  CONTRACT_MIGRATIONS,
  insertThing,
  renameThingReturning,
  selectThing,
  thing,
  thingNames,
} from '../../src/storage/contract/contract-database.ts';
import { openPostgresStorage } from '../../src/storage/postgres/open-postgres-storage.ts';
import { type Storage, StorageFailure } from '../../src/storage/storage.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';
import { createPostgresDatabase } from '../support/test-postgres.ts';
import { type Cut, startCuttingProxy } from './cutting-proxy.ts';

/** A lost connection leaves open whether the commit was done. The answer has to be true all the same. */

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function open(url: string, seed = 1): Promise<Storage> {
  const storage = await openPostgresStorage({
    url,
    random: seededRandom(seed),
    log: silentLog,
    migrations: CONTRACT_MIGRATIONS,
  });
  cleanups.push(() => storage.close());
  return storage;
}

async function openThroughProxy() {
  const proxy = await startCuttingProxy(await createPostgresDatabase());
  cleanups.push(() => proxy.close());
  return { proxy, storage: await open(proxy.url) };
}

const CUTS: Cut[] = ['before-commit', 'after-commit'];

describe.each(CUTS)('the connection is lost %s', (cut) => {
  test('a write is done once, and answered as done', async () => {
    const { proxy, storage } = await openThroughProxy();
    await storage.write((transaction) => transaction.run(insertThing, thing(1)));
    proxy.cutNext(cut);
    await storage.write((transaction) => transaction.run(insertThing, thing(2)));
    expect(proxy.cuts()).toBe(1);
    expect(await thingNames(storage)).toEqual(['thing 1', 'thing 2']);
  });

  test('rows that the write fetched are there', async () => {
    const { proxy, storage } = await openThroughProxy();
    proxy.cutNext(cut);
    const { value, rows } = await storage.write((transaction) => {
      transaction.run(insertThing, thing(1));
      return transaction.fetch(renameThingReturning, { thingNid: 1, name: 'renamed' });
    });
    expect(proxy.cuts()).toBe(1);
    expect(rows(value)).toEqual([{ thing_nid: 1, name: 'renamed' }]);
  });

  test('a group in which one batch fails: the others are done once', async () => {
    const { proxy, storage } = await openThroughProxy();
    await storage.write((transaction) => transaction.run(insertThing, thing(1)));
    proxy.cutNext(cut);
    const results = await Promise.allSettled(
      [2, 1, 3].map((thingNid) => storage.write((transaction) => transaction.run(insertThing, thing(thingNid)))),
    );
    expect(proxy.cuts()).toBe(1);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(await thingNames(storage)).toEqual(['thing 1', 'thing 2', 'thing 3']);
  });
});

test('connections ended by PostgreSQL under load: every answer is true', async () => {
  const url = await createPostgresDatabase();
  const storage = await open(url);
  const administrator = new Client(url);
  await administrator.connect();
  cleanups.push(() => administrator.end());

  const done: string[] = [];
  const refused: string[] = [];
  const ended = { count: 0 };
  async function send(sender: number): Promise<void> {
    for (let round = 0; round < 40; round++) {
      const name = `${sender} ${round}`;
      const write = storage.write((transaction) => transaction.run(insertThing, thing(transaction.allocate(), name)));
      await write.then(
        () => done.push(name),
        () => refused.push(name),
      );
      if (sender === 0 && round % 10 === 5) ended.count += await endConnections(administrator);
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, sender) => send(sender)));

  expect(ended.count).toBeGreaterThan(0);
  expect(refused).toEqual([]);
  expect(await thingNames(storage)).toEqual(done.sort());
  expect(await storage.read(selectThing, { name: '0 0' })).toHaveLength(1);
});

async function endConnections(administrator: Client): Promise<number> {
  const { rows } = await administrator.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name like 'limpet%'`,
  );
  return rows.length;
}

test('a process that lost its place to another one stops writing for good', async () => {
  const url = await createPostgresDatabase();
  const proxy = await startCuttingProxy(url);
  cleanups.push(() => proxy.close());
  const first = await open(proxy.url, 1);
  const administrator = new Client(url);
  await administrator.connect();
  await endConnections(administrator);
  await administrator.end();
  const second = await open(url, 2);
  await second.write((transaction) => transaction.run(insertThing, thing(1)));
  await second.close();

  const late = first.write((transaction) => transaction.run(insertThing, thing(2)));
  await expect(late).rejects.toThrow(StorageFailure);
  await expect(late).rejects.toThrow('Another process became the writer');
  const later = first.write((transaction) => transaction.run(insertThing, thing(3)));
  await expect(later).rejects.toThrow('Another process became the writer');
  cleanups.splice(cleanups.length - 2, 1, () => first.close().catch(() => undefined));
  expect(await thingNames(await open(url, 3))).toEqual(['thing 1']);
});
