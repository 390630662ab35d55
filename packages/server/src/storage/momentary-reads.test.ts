import { afterEach, beforeEach, expect, test } from 'vitest';
import { openTestStorage } from '../../tests/support/test-storage.ts';
import { MomentaryReads } from './momentary-reads.ts';
import type { Storage } from './storage.ts';

let storage: Storage;

beforeEach(async () => {
  storage = await openTestStorage();
});
afterEach(() => storage.close());

test('reads once for all who ask the same, until something is published', async () => {
  const reads = new MomentaryReads<number>(storage.stream);
  let count = 0;
  const read = async () => {
    count += 1;
    return count;
  };
  expect(await Promise.all([reads.once('a', read), reads.once('a', read), reads.once('b', read)])).toEqual([1, 1, 2]);
  await storage.write((transaction) => transaction.publish({ kind: 'typing', roomId: '!room' }));
  expect(await reads.once('a', read)).toBe(3);
});

test('what failed is read again', async () => {
  const reads = new MomentaryReads<number>(storage.stream);
  await expect(reads.once('a', () => Promise.reject(new Error('the disk is away')))).rejects.toThrow('away');
  expect(await reads.once('a', async () => 7)).toBe(7);
});
