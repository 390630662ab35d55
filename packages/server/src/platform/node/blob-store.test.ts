import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { asBlobName, type BlobName, type BlobStore } from '../blob-store.ts';
import { createNodeBlobStore } from './blob-store.ts';

const NAME = asBlobName('0123456789abcdef0123456789abcdef');
const OTHER = asBlobName('fedcba9876543210fedcba9876543210');

let folder: string;
let root: string;
let store: BlobStore;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'limpet-blobs-'));
  root = join(folder, 'media');
  store = createNodeBlobStore(root);
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

async function textOf(name: BlobName): Promise<string | undefined> {
  const stored = await store.get(name);
  if (stored === undefined) return undefined;
  const read: Uint8Array[] = [];
  for await (const piece of stored.read()) read.push(piece);
  expect(Buffer.concat(read).length).toBe(stored.sizeBytes);
  return Buffer.concat(read).toString();
}

function files(): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

test('what was put comes back, until it is deleted', async () => {
  await store.put(NAME, pieces('Hello, ', 'world'));
  await store.put(OTHER, pieces());
  expect([await textOf(NAME), await textOf(OTHER)]).toEqual(['Hello, world', '']);
  await store.delete(NAME);
  await store.delete(NAME);
  expect([await textOf(NAME), await textOf(OTHER)]).toEqual([undefined, '']);
});

test('nothing is made on the disk before there is something to keep', async () => {
  expect(await store.get(NAME)).toBeUndefined();
  await store.delete(NAME);
  expect(existsSync(root)).toBe(false);
});

test('files and directories are for their owner alone', async () => {
  await store.put(NAME, pieces('secret'));
  const made = ['', '01', '01/23', '01/23/456789abcdef0123456789abcdef'];
  expect(made.map((path) => statSync(join(root, path)).mode & 0o777)).toEqual([0o700, 0o700, 0o700, 0o600]);
});

test('content that fails on the way leaves nothing', async () => {
  async function* failing() {
    yield Buffer.from('half');
    throw new Error('gone');
  }
  await expect(store.put(NAME, failing())).rejects.toThrow('gone');
  expect(await store.get(NAME)).toBeUndefined();
  expect(files()).toEqual([]);
});

test('what a crash left of writing is no blob, and goes with it', async () => {
  await store.put(OTHER, pieces('x'));
  await store.put(NAME, pieces('x'));
  await store.delete(NAME);
  writeFileSync(join(root, '01/23/456789abcdef0123456789abcdef.new'), 'half');
  expect(await store.get(NAME)).toBeUndefined();
  await store.delete(NAME);
  expect(files()).toEqual([OTHER.slice(4)]);
});

test('a name that is none of ours never becomes a path', async () => {
  for (const name of ['../../../etc/passwd', '', 'A'.repeat(32), `${NAME}/`, `${NAME}\n`]) {
    expect(() => asBlobName(name)).toThrow();
    await expect(store.get(name as BlobName)).rejects.toThrow('not one of ours');
    await expect(store.put(name as BlobName, pieces('x'))).rejects.toThrow('not one of ours');
    await expect(store.delete(name as BlobName)).rejects.toThrow('not one of ours');
  }
  expect(files()).toEqual([]);
});
