declare const brand: unique symbol;

/** 32 hexadecimal digits that we made. Nothing that anybody sent ever becomes part of a name. */
export type BlobName = string & { readonly [brand]: 'BlobName' };

/** Bytes in names' places: the content of media. A blob is there whole or not at all, and never changes. */
export interface BlobStore {
  /**
   * Keeps what comes, piece by piece; on disk when the promise is kept. Where the content fails on the way, so does
   * this, and nothing is there.
   */
  put(name: BlobName, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** `undefined` where there is none. */
  get(name: BlobName): Promise<StoredBlob | undefined>;
  /** Removes it, and what a crash left of writing it. One that is not there is removed already. */
  delete(name: BlobName): Promise<void>;
}

export interface StoredBlob {
  readonly sizeBytes: number;
  /** The content from its first byte on. Whoever stops reading closes what was opened for it. */
  read(): AsyncIterable<Uint8Array>;
}

/** @throws Error for anything else than a name: that is our bug, and it must not reach a path. */
export function asBlobName(text: string): BlobName {
  if (!BLOB_NAME.test(text)) throw new Error('A blob was given a name that is not one of ours');
  return text as BlobName;
}

const BLOB_NAME = /^[0-9a-f]{32}$/;
