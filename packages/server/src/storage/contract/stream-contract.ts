import { describe, expect, test } from 'vitest';
import type { PublishedChange, TypingChange } from '../change.ts';
import type { Storage } from '../storage.ts';
import { type ContractDatabase, insertThing, thing } from './contract-database.ts';
import { createOpener } from './opened-storages.ts';

export function describeStream(create: () => Promise<ContractDatabase>): void {
  describe('stream', () => {
    const open = createOpener(create);
    describePublication(open);
    describeReopening(open);
  });
}

type Open = ReturnType<typeof createOpener>;

function typingIn(roomId: string): TypingChange {
  return { kind: 'typing', roomId };
}

/** Writes one row and one change; gives the position. */
async function writeThing(storage: Storage, thingNid: number): Promise<number> {
  const committed = await storage.write((transaction) => {
    transaction.run(insertThing, thing(thingNid));
    return transaction.publish(typingIn(`!${thingNid}`));
  });
  return committed.value;
}

function followAll(storage: Storage): PublishedChange[] {
  const seen: PublishedChange[] = [];
  storage.stream.follow((changes) => seen.push(...changes));
  return seen;
}

function describePublication(open: Open): void {
  test('a new database begins at position 0 of writer 1, and has a tag', async () => {
    const { storage } = await open();
    expect(storage.stream.current()).toEqual(new Map([[1, 0]]));
    expect(storage.stream.since(storage.stream.current())).toEqual([]);
    expect(storage.databaseTag).toMatch(/^[a-z0-9]{6}$/);
  });

  test('numbers of rows and positions come from one counter, in order', async () => {
    const { storage } = await open();
    const { value } = await storage.write((transaction) => [
      transaction.allocate(),
      transaction.publish(typingIn('!a')),
      transaction.allocate(),
      transaction.publish(typingIn('!b')),
      transaction.writer,
    ]);
    expect(value).toEqual([1, 2, 3, 4, 1]);
    expect(storage.stream.current()).toEqual(new Map([[1, 4]]));
    expect(storage.stream.since(new Map([[1, 2]]))).toEqual([{ kind: 'typing', roomId: '!b', writer: 1, position: 4 }]);
  });

  test('changes are published in order, before their write is answered', async () => {
    const { storage } = await open();
    const seen = followAll(storage);
    const writes = Array.from({ length: 50 }, async (_, index) => {
      const position = await writeThing(storage, index + 1);
      expect(storage.stream.current().get(1)).toBeGreaterThanOrEqual(position);
      expect(seen.some((change) => change.position === position)).toBe(true);
    });
    await Promise.all(writes);
    expect(seen.map((change) => change.position)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    expect(storage.stream.since(new Map([[1, 0]]))).toEqual(seen);
  });

  test('changes of a failed batch are not published, and its positions are skipped', async () => {
    const { storage } = await open();
    const seen = followAll(storage);
    await Promise.allSettled([writeThing(storage, 1), writeThing(storage, 1), writeThing(storage, 2)]);
    expect(seen.map((change) => change.position)).toEqual([1, 3]);
    expect(storage.stream.current()).toEqual(new Map([[1, 3]]));
  });

  test('a change without rows takes no commit, and keeps its place behind what was queued before', async () => {
    const { storage } = await open();
    const seen = followAll(storage);
    await storage.write((transaction) => transaction.publish(typingIn('!alone')));
    expect(storage.tally).toMatchObject({ batches: 1, commits: 1 });
    await storage.write((transaction) => transaction.publish(typingIn('!alone')));
    expect(storage.tally).toMatchObject({ batches: 2, commits: 1 });
    await Promise.all([
      writeThing(storage, 1),
      storage.write((transaction) => transaction.publish(typingIn('!behind'))),
      writeThing(storage, 2),
    ]);
    expect(seen.map((change) => change.position)).toEqual([1, 2, 3, 4, 5]);
    expect(seen[3]).toMatchObject({ roomId: '!behind' });
  });

  test('who stops following hears no more', async () => {
    const { storage } = await open();
    const seen: PublishedChange[] = [];
    const stop = storage.stream.follow((changes) => seen.push(...changes));
    await writeThing(storage, 1);
    stop();
    await writeThing(storage, 2);
    expect(seen).toHaveLength(1);
  });
}

function describeReopening(open: Open): void {
  test('positions, group numbers and the tag go on after a reopening; the tail begins anew', async () => {
    const { storage, reopen } = await open();
    await writeThing(storage, 1);
    const last = await writeThing(storage, 2);
    await storage.close();
    const reopened = await reopen();
    expect(reopened.databaseTag).toBe(storage.databaseTag);
    expect(reopened.stream.current()).toEqual(new Map([[1, last]]));
    expect(reopened.stream.since(new Map([[1, last]]))).toEqual([]);
    expect(reopened.stream.since(new Map([[1, last - 1]]))).toBeUndefined();
    expect(await writeThing(reopened, 3)).toBe(last + 1);
  });

  test('a change that wrote no rows has used up its position too', async () => {
    const { storage, reopen } = await open();
    const { value } = await storage.write((transaction) => transaction.publish(typingIn('!a')));
    await storage.close();
    const reopened = await reopen();
    expect(await writeThing(reopened, 1)).toBe(value + 1);
  });
}
