import { describe, expect, test } from 'vitest';
import { ExpectationFailed, StaleBatch, StatementFailed, StorageFailure } from '../storage.ts';
import {
  type ContractDatabase,
  insertThing,
  renameThing,
  renameThingReturning,
  selectThing,
  thing,
  thingNames,
} from './contract-database.ts';
import { createOpener } from './opened-storages.ts';

export function describeWrites(create: () => Promise<ContractDatabase>): void {
  describe('writes', () => {
    const open = createOpener(create);

    describeBatches(open);
    describeFailures(open);
    describeLanes(open);
    describeGroups(open);
  });
}

type Open = ReturnType<typeof createOpener>;

function describeBatches(open: Open): void {
  test('a write gives back what its build returned, and its rows can be read', async () => {
    const { storage } = await open();
    const committed = await storage.write((transaction) => {
      transaction.run(insertThing, thing(1, 'one'));
      return 'built';
    });
    expect(committed.value).toBe('built');
    expect(await storage.read(selectThing, { name: 'one' })).toEqual([
      { thing_nid: 1, name: 'one', note: null, size: null, content: null },
    ]);
  });

  test('a batch sees its own statements, and fetches come back in order', async () => {
    const { storage } = await open();
    const committed = await storage.write((transaction) => {
      transaction.run(insertThing, thing(1, 'first name'));
      const changed = transaction.fetch(renameThingReturning, { thingNid: 1, name: 'second name' });
      const none = transaction.fetch(renameThingReturning, { thingNid: 2, name: 'nobody' });
      return { changed, none };
    });
    const { changed, none } = committed.value;
    expect(committed.rows(none)).toEqual([]);
    expect(committed.rows(changed)).toEqual([{ thing_nid: 1, name: 'second name' }]);
  });

  test('a text may come later: the batch keeps its place, and the next commit waits for it', async () => {
    const { storage } = await open();
    const { promise, resolve } = Promise.withResolvers<string>();
    const first = storage.write((transaction) => transaction.run(insertThing, { ...thing(1), name: promise }));
    const second = storage.write((transaction) =>
      transaction.expect(renameThing, { thingNid: 1, name: 'b' }, 'is there'),
    );
    await new Promise((done) => setImmediate(done));
    expect(await thingNames(storage)).toEqual([]);
    resolve('a');
    await Promise.all([first, second]);
    expect(await thingNames(storage)).toEqual(['b']);
  });

  test('where a text to come fails nothing is written, and the storage goes on', async () => {
    const { storage } = await open();
    const broken = Promise.reject(new Error('no text'));
    const refused = storage.write((transaction) => transaction.run(insertThing, { ...thing(1), name: broken }));
    await expect(refused).rejects.toThrow(StorageFailure);
    await storage.write((transaction) => transaction.run(insertThing, thing(2, 'after')));
    expect(await thingNames(storage)).toEqual(['after']);
  });

  test('a read waits for no text', async () => {
    const { storage } = await open();
    const name = Promise.resolve('one') as never;
    await expect(storage.read(selectThing, { name })).rejects.toThrow('name is object');
  });

  test('a build that throws writes nothing', async () => {
    const { storage } = await open();
    const refused = storage.write((transaction) => {
      transaction.run(insertThing, thing(1));
      throw new Error('decided otherwise');
    });
    await expect(refused).rejects.toThrow('decided otherwise');
    await storage.write((transaction) => transaction.run(insertThing, thing(2)));
    expect(await thingNames(storage)).toEqual(['thing 2']);
  });

  test('a write inside a build, and a statement after it, are faults of ours', async () => {
    const { storage } = await open();
    const nested = storage.write(() => storage.write(() => undefined));
    const inner = (await nested).value;
    await expect(inner).rejects.toThrow('inside the build');
    const { value: kept } = await storage.write((transaction) => transaction);
    expect(() => kept.run(insertThing, thing(1))).toThrow('queued already');
    expect(() => kept.allocate()).toThrow('queued already');
  });
}

function describeFailures(open: Open): void {
  test('an expectation that does not hold fails its batch by name, and nothing of the batch is written', async () => {
    const { storage } = await open();
    const failed = storage.write((transaction) => {
      transaction.run(insertThing, thing(1));
      transaction.expect(renameThing, { thingNid: 7, name: 'seven' }, 'seven is there');
      transaction.run(insertThing, thing(2));
    });
    await expect(failed).rejects.toThrow(ExpectationFailed);
    await expect(failed).rejects.toMatchObject({ expectation: 'seven is there' });
    expect(await thingNames(storage)).toEqual([]);
  });

  test('an expectation holds when the statement changes a row', async () => {
    const { storage } = await open();
    await storage.write((transaction) => {
      transaction.run(insertThing, thing(1));
      transaction.expect(renameThing, { thingNid: 1, name: 'renamed' }, 'one is there');
    });
    expect(await thingNames(storage)).toEqual(['renamed']);
  });

  test('a broken constraint fails its batch alone; the others of the group are written', async () => {
    const { storage } = await open();
    const results = await Promise.allSettled([
      storage.write((transaction) => transaction.run(insertThing, thing(1, 'same'))),
      storage.write((transaction) => {
        transaction.run(insertThing, thing(2, 'half'));
        transaction.run(insertThing, thing(3, 'same'));
      }),
      storage.write((transaction) => transaction.run(insertThing, thing(4, 'other'))),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({ reason: expect.any(StatementFailed) });
    expect(await thingNames(storage)).toEqual(['other', 'same']);
  });

  test('the first thing that failed is the one that is told', async () => {
    const { storage } = await open();
    await storage.write((transaction) => transaction.run(insertThing, thing(1, 'same')));
    const failed = storage.write((transaction) => {
      transaction.expect(renameThing, { thingNid: 7, name: 'seven' }, 'first');
      transaction.run(insertThing, thing(2, 'same'));
      transaction.expect(renameThing, { thingNid: 8, name: 'eight' }, 'second');
    });
    await expect(failed).rejects.toMatchObject({ expectation: 'first' });
  });
}

function describeLanes(open: Open): void {
  test('what is queued behind a failed batch of its lane is stale; other lanes and no lane go on', async () => {
    const { storage } = await open();
    const inRoom = { lane: 'room' };
    const results = await Promise.allSettled([
      storage.write((transaction) => transaction.run(insertThing, thing(1)), inRoom),
      storage.write((transaction) => transaction.run(insertThing, thing(1)), inRoom),
      storage.write((transaction) => transaction.run(insertThing, thing(2)), inRoom),
      storage.write((transaction) => transaction.run(insertThing, thing(3)), { lane: 'another room' }),
      storage.write((transaction) => transaction.run(insertThing, thing(4))),
    ]);
    expect(results.map((result) => result.status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    expect(results[2]).toMatchObject({ reason: expect.any(StaleBatch) });
    expect(await thingNames(storage)).toEqual(['thing 1', 'thing 3', 'thing 4']);
  });

  test('once the failure is known, the lane is open again', async () => {
    const { storage } = await open();
    const inRoom = { lane: 'room' };
    const failed = storage.write(
      (transaction) => transaction.expect(renameThing, { thingNid: 7, name: 'seven' }, 'seven'),
      inRoom,
    );
    await expect(failed).rejects.toThrow(ExpectationFailed);
    await storage.write((transaction) => transaction.run(insertThing, thing(1)), inRoom);
    expect(await thingNames(storage)).toEqual(['thing 1']);
  });
}

function describeGroups(open: Open): void {
  test('writes that come together share a commit; the tally counts both', async () => {
    const { storage } = await open();
    const senders = Array.from({ length: 64 }, (_, index) =>
      storage.write((transaction) => transaction.run(insertThing, thing(index + 1))),
    );
    await Promise.all(senders);
    expect(storage.tally.batches).toBe(64);
    expect(storage.tally.commits).toBeLessThanOrEqual(2);
    expect(await thingNames(storage)).toHaveLength(64);
  });

  test('senders that each wait for their answer share commits too', async () => {
    const { storage } = await open();
    const senders = Array.from({ length: 64 }, async (_, sender) => {
      for (let round = 0; round < 5; round++) {
        await storage.write((transaction) => transaction.run(insertThing, thing(1 + sender * 5 + round)));
      }
    });
    await Promise.all(senders);
    expect(storage.tally.batches).toBe(320);
    expect(storage.tally.commits).toBeLessThanOrEqual(64);
    expect(await thingNames(storage)).toHaveLength(320);
  });

  test('closing writes what is pending, and refuses what comes after', async () => {
    const { storage, reopen } = await open();
    const pending = Array.from({ length: 10 }, (_, index) =>
      storage.write((transaction) => transaction.run(insertThing, thing(index + 1))),
    );
    const closed = storage.close();
    await expect(storage.write(() => undefined)).rejects.toThrow('closed');
    await Promise.all(pending);
    await closed;
    expect(await thingNames(await reopen())).toHaveLength(10);
  });
}
