import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createManualWorld, type ManualWorld } from '../../../tests/support/manual-world.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { upsertProfileField } from '../../storage/queries/profiles.ts';
import { upsertDirectoryQueue } from '../../storage/queries/user-directory.ts';
import { insertUser } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';
import type { EventStore } from '../rooms/event-store.ts';
import type { MembershipReader } from '../rooms/membership-reader.ts';
import { DirectoryIndex } from './directory-index.ts';
import { UserDirectory } from './user-directory.ts';

describe.each(['sqlite', 'postgres'] as const)('the directory of the users of this server, on %s', (dialect) => {
  let storage: Storage;
  let index: DirectoryIndex;
  let directory: UserDirectory;
  let world: ManualWorld;

  beforeEach(async () => {
    storage = await openTestStorage(dialect);
    world = createManualWorld();
    const { timers } = world;
    index = new DirectoryIndex(storage, { timers, log: silentLog });
    const memberships = { ofUser: async () => [] } as unknown as MembershipReader;
    const events = { byNids: async () => new Map() } as unknown as EventStore;
    directory = new UserDirectory({ storage, timers, serverName: 'test', events, memberships, index });
  });

  afterEach(async () => {
    await index.stop();
    await storage.close();
  });

  const register = (users: readonly { name: string; displayName: string }[]) =>
    storage.write((transaction) => {
      for (const { name, displayName } of users) {
        const userId = `@${name}:test`;
        const account = { passwordHash: null, createdTs: 1, isAdmin: 0, isGuest: 0 };
        transaction.run(insertUser, { userId, ...account });
        call(transaction, userId, displayName);
      }
    });

  const rename = (userId: string, displayName: string) =>
    storage.write((transaction) => call(transaction, userId, displayName));

  type Transaction = Parameters<Parameters<Storage['write']>[0]>[0];

  function call(transaction: Transaction, userId: string, displayName: string): void {
    transaction.run(upsertProfileField, { userId, field: 'displayname', valueJson: JSON.stringify(displayName) });
    transaction.run(upsertDirectoryQueue, { userId });
  }

  const found = async (term: string) =>
    (await directory.search('@searcher:test', term)).results.map(({ user_id: userId }) => userId);

  async function rowsReadBy(term: string): Promise<number> {
    await index.catchUp();
    const before = storage.tally.rowsRead;
    await directory.search('@searcher:test', term);
    return storage.tally.rowsRead - before;
  }

  test('a search costs what it finds, and some hundred users at most', async () => {
    const many = Array.from({ length: 1_200 }, (_, n) => ({ name: `u${n}`, displayName: 'Smith Familiar' }));
    await register([...many, { name: 'zoe', displayName: 'Zoe Smith' }]);
    for (let steps = 0; steps < 5; steps++) await index.catchUp();
    // The row of the word, and that of the user.
    expect(await rowsReadBy('zoe')).toBeLessThan(5);
    expect(await rowsReadBy('nobody')).toBe(0);
    expect(await rowsReadBy('smith')).toBeLessThanOrEqual(1_000);
    // Among all who are called so, the other word finds him.
    expect(await found('smith zo')).toEqual(['@zoe:test']);
    expect(await directory.search('@searcher:test', 'smith', 5)).toMatchObject({ limited: true });
    expect((await found('u7'))[0]).toBe('@u7:test');
    // The name of the server is in the IDs of all of them.
    expect(await directory.search('@searcher:test', 'smith test', 5)).toMatchObject({ limited: true });
    expect(await found('smith test')).toHaveLength(10);
  });

  test('after an update users are indexed unasked, where they are more than a search could catch up with', async () => {
    await register(Array.from({ length: 1_200 }, (_, n) => ({ name: `u${n}`, displayName: 'Smith' })));
    const { write } = storage;
    const written = new Promise<void>((resolve) => {
      storage.write = async (build, options) => {
        const committed = await write(build, options);
        resolve();
        return committed;
      };
    });
    await index.start();
    world.advance(1_000);
    await written;
    expect((await index.find('smith')).userIds).toHaveLength(100);
  });

  test('who is called otherwise while his words are written is looked at again', async () => {
    await register([{ name: 'zoe', displayName: 'Before' }]);
    const { write } = storage;
    let isFirst = true;
    storage.write = async (build, options) => {
      if (isFirst) {
        isFirst = false;
        await rename('@zoe:test', 'After');
      }
      return write(build, options);
    };
    await index.catchUp();
    storage.write = write;
    expect(await found('after')).toEqual(['@zoe:test']);
    expect(await found('before')).toEqual([]);
  });
});
