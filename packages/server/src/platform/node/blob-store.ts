import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { asBlobName, type BlobName, type BlobStore } from '../blob-store.ts';

/** Files and directories are for the user that the server runs as, and nobody else. */
const PRIVATE_FILE = 0o600;
const PRIVATE_DIRECTORY = 0o700;
/** How much of a file is in memory while somebody reads it. */
const READ_AHEAD_BYTES = 65_536;

/**
 * Blobs as files, two levels of directories deep so that none holds too many. A file is written under another name,
 * synced, and then renamed; after that the name itself is synced. Nothing is made before there is something to keep.
 */
export function createNodeBlobStore(root: string): BlobStore {
  const pathOf = (name: BlobName) => join(root, name.slice(0, 2), name.slice(2, 4), asBlobName(name).slice(4));

  async function put(name: BlobName, content: AsyncIterable<Uint8Array>): Promise<void> {
    const path = pathOf(name);
    await makeDirectory(dirname(path));
    try {
      await write(draftOf(path), content);
      await rename(draftOf(path), path);
    } catch (error) {
      await rm(draftOf(path), { force: true });
      throw error;
    }
    await syncDirectory(dirname(path));
  }

  async function makeDirectory(path: string): Promise<void> {
    const first = await mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY });
    if (first === undefined) return;
    // Each new directory is a name in the one above it.
    for (let made = path; made.length >= first.length; made = dirname(made)) {
      await syncDirectory(dirname(made));
    }
  }

  return {
    put,
    async get(name) {
      const path = pathOf(name);
      const found = await stat(path).catch(ignoreMissing);
      if (found === undefined) return undefined;
      return { sizeBytes: found.size, read: () => createReadStream(path, { highWaterMark: READ_AHEAD_BYTES }) };
    },
    async delete(name) {
      const path = pathOf(name);
      await rm(draftOf(path), { force: true });
      await rm(path, { force: true });
    },
  };
}

function draftOf(path: string): string {
  return `${path}.new`;
}

async function write(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, 'w', PRIVATE_FILE);
  try {
    for await (const piece of content) await writeAll(file, piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** One write may take less than it was given. */
async function writeAll(file: FileHandle, piece: Uint8Array): Promise<void> {
  for (let written = 0; written < piece.length; ) {
    written += (await file.write(piece, written)).bytesWritten;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function ignoreMissing(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
