import { asBlobName, type BlobName, type BlobStore } from '../../src/platform/blob-store.ts';

/** Blobs in memory, as long as the test keeps this. */
export interface MemoryBlobStore extends BlobStore {
  readonly blobs: ReadonlyMap<BlobName, Uint8Array>;
}

export function createMemoryBlobStore(): MemoryBlobStore {
  const blobs = new Map<BlobName, Uint8Array>();
  return {
    blobs,
    async put(name, content) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      blobs.set(asBlobName(name), Buffer.concat(pieces));
    },
    async get(name) {
      const bytes = blobs.get(asBlobName(name));
      if (bytes === undefined) return undefined;
      return {
        sizeBytes: bytes.length,
        async *read() {
          if (bytes.length > 0) yield bytes;
        },
      };
    },
    async delete(name) {
      blobs.delete(asBlobName(name));
    },
  };
}
