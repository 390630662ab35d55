import { asBlobName, type BlobName, type BlobStore } from '../../platform/blob-store.ts';
import type { Platform } from '../../platform/platform.ts';
import { deleteUnownedBlobs, insertUnownedBlob, selectUnownedBlobs } from '../../storage/queries/unowned-blobs.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';

const BLOB_NAME_BYTES = 16;
/** Unowned blobs that are removed in a row before the database is asked again. */
const REMOVED_AT_ONCE = 100;

export interface BlobKeeperParts {
  readonly storage: Storage;
  readonly blobStore: BlobStore;
  readonly platform: Pick<Platform, 'clock' | 'random' | 'log'>;
}

export interface NewBlob {
  readonly name: BlobName;
  readonly sizeBytes: number;
}

/**
 * Keeps blobs and rows together, though no transaction spans both. A blob's name stands in `unowned_blobs` from before
 * its first byte until the batch that writes its row; whatever stands there and is not being written belongs to nobody
 * (a crash, a failed upload, a row that was removed), and `sweep` removes it.
 */
export class BlobKeeper {
  readonly #parts: BlobKeeperParts;
  /** Being written by this process, so not to be swept. One process has the data directory. */
  readonly #open = new Set<string>();
  /** What ended while unowned blobs were being read: it may still be among those that were found. */
  #endedMeanwhile: Set<string> | undefined;

  constructor(parts: BlobKeeperParts) {
    this.#parts = parts;
  }

  /** Keeps the content, then runs `record`, which writes the row that has it. Where either fails, nothing is kept. */
  async keep(
    content: AsyncIterable<Uint8Array>,
    record: (transaction: WriteTransaction, blob: NewBlob) => void,
  ): Promise<NewBlob> {
    const { storage, blobStore, platform } = this.#parts;
    const name = asBlobName(Buffer.from(platform.random.bytes(BLOB_NAME_BYTES)).toString('hex'));
    let sizeBytes = 0;
    async function* counted() {
      for await (const piece of content) {
        sizeBytes += piece.length;
        yield piece;
      }
    }
    this.#open.add(name);
    try {
      const nowTs = platform.clock.nowMs();
      await storage.write((transaction) => transaction.run(insertUnownedBlob, { blob: name, nowTs }));
      await blobStore.put(name, counted());
      const blob = { name, sizeBytes };
      await storage.write((transaction) => {
        record(transaction, blob);
        transaction.run(deleteUnownedBlobs, { blobs: [name] });
      });
      return blob;
    } finally {
      this.#open.delete(name);
      this.#endedMeanwhile?.add(name);
    }
  }

  /** Removes the blobs that belong to nobody. */
  async sweep(isStopping: () => boolean): Promise<void> {
    const { storage } = this.#parts;
    for (let after = ''; !isStopping(); ) {
      const ended = new Set<string>();
      this.#endedMeanwhile = ended;
      const rows = await storage.read(selectUnownedBlobs, { after, limit: REMOVED_AT_ONCE }).finally(() => {
        this.#endedMeanwhile = undefined;
      });
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.blob;
      await this.#remove(rows.map((row) => row.blob).filter((blob) => !this.#open.has(blob) && !ended.has(blob)));
    }
  }

  /** The rows go last: what cannot be removed now is tried again. */
  async #remove(blobs: readonly string[]): Promise<void> {
    if (blobs.length === 0) return;
    for (const blob of blobs) await this.#parts.blobStore.delete(asBlobName(blob));
    await this.#parts.storage.write((transaction) => transaction.run(deleteUnownedBlobs, { blobs }));
  }
}
