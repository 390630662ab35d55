import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { describeReads } from '../contract/reads-contract.ts';
import { describeStorageContract } from '../contract/storage-contract.ts';
import { openSqliteStorage, type SqliteOptions } from './open-sqlite-storage.ts';

const directories: string[] = [];

afterAll(async () => {
  await Promise.all(directories.map((directory) => rm(directory, { recursive: true })));
});

function describeWith(options: Pick<SqliteOptions, 'writes'>): void {
  describeStorageContract(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'limpet-sqlite-'));
    directories.push(directory);
    const path = join(directory, 'data', 'limpet.db');
    return {
      open: (migrations) =>
        openSqliteStorage({
          path,
          synchronous: 'off',
          random: seededRandom(1),
          log: silentLog,
          ...options,
          ...(migrations === undefined ? {} : { migrations }),
        }),
    };
  });
}

describe('SQLite, writing in a thread', () => describeWith({ writes: 'in-thread' }));

describe('SQLite, writing in place', () => describeWith({ writes: 'in-place' }));

describe('SQLite in memory', () => {
  // It is gone when it is closed, so what the contract says of opening again does not apply.
  describeReads(async () => ({
    open: (migrations) =>
      openSqliteStorage({
        path: ':memory:',
        random: seededRandom(1),
        log: silentLog,
        ...(migrations === undefined ? {} : { migrations }),
      }),
  }));
});
