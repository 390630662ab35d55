import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdAnswer } from '../../../tests/support/hold-answer.ts';
import { createManualWorld } from '../../../tests/support/manual-world.ts';
import { createMemoryBlobStore, type MemoryBlobStore } from '../../../tests/support/memory-blob-store.ts';
import { seededRandom } from '../../../tests/support/seeded-random.ts';
import { silentLog } from '../../../tests/support/silent-log.ts';
import { openTestStorage } from '../../../tests/support/test-storage.ts';
import { selectUnownedBlobs } from '../../storage/queries/unowned-blobs.ts';
import type { Storage } from '../../storage/storage.ts';
import { BlobKeeper } from './blob-keeper.ts';

let storage: Storage;
let blobStore: MemoryBlobStore;
let keeper: BlobKeeper;

beforeEach(async () => {
  storage = await openTestStorage();
  blobStore = createMemoryBlobStore();
  const platform = { clock: createManualWorld().clock, random: seededRandom(1), log: silentLog };
  keeper = new BlobKeeper({ storage, blobStore, platform });
});

afterEach(() => storage.close());

/** Content that has begun and does not end before `end`. */
function slowContent(): { content: AsyncIterable<Uint8Array>; begun: Promise<void>; end: () => void } {
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  async function* pieces() {
    yield Buffer.from('begun, ');
    begun.resolve();
    await ended.promise;
    yield Buffer.from('ended');
  }
  return { content: pieces(), begun: begun.promise, end: ended.resolve };
}

const noRow = () => {};
const neverStops = () => false;

test('what is being written is not swept', async () => {
  const { content, begun, end } = slowContent();
  const keeping = keeper.keep(content, noRow);
  await begun;
  await keeper.sweep(neverStops);
  end();
  const { name } = await keeping;
  expect([...blobStore.blobs.keys()]).toEqual([name]);
});

test('neither is what was written while it was looked for what to sweep', async () => {
  const { content, begun, end } = slowContent();
  const keeping = keeper.keep(content, noRow);
  await begun;
  const { reached, release } = holdAnswer(storage, selectUnownedBlobs);
  const sweeping = keeper.sweep(neverStops);
  await reached;
  end();
  const { name } = await keeping;
  release();
  await sweeping;
  expect([...blobStore.blobs.keys()]).toEqual([name]);
});

test('what nobody has in the end is swept', async () => {
  const failed = keeper.keep(
    (async function* () {
      yield Buffer.from('half of it');
      throw new Error('The client is gone');
    })(),
    noRow,
  );
  await expect(failed).rejects.toThrow('The client is gone');
  await keeper.sweep(neverStops);
  expect([...blobStore.blobs.keys()]).toEqual([]);
  expect(await storage.read(selectUnownedBlobs, { after: '', limit: 10 })).toEqual([]);
});
