import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeyFromSeed, signText } from '@limpet/protocol/signing';
import { expect, test } from 'vitest';
import { nodeSigning } from './signing.ts';

const KEY = signingKeyFromSeed('ed25519:1', Buffer.alloc(32, 1));
/** Node.js has four threads, unless it is told otherwise. */
const THREADS = 32;

test('a signature is the same as one that is waited for', async () => {
  expect(await nodeSigning.sign('{"é":1}', KEY)).toBe(signText('{"é":1}', KEY));
});

test('a signature comes though all threads are taken', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'limpet-signing-'));
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  // Who opens it to read waits, and takes a thread, until somebody opens it to write.
  const readers = Array.from({ length: THREADS }, () => open(pipe, 'r'));
  try {
    expect(await nodeSigning.sign('{}', KEY)).toBe(signText('{}', KEY));
  } finally {
    const writer = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
    for (const reader of await Promise.all(readers)) await reader.close();
    closeSync(writer);
    await rm(directory, { recursive: true });
  }
});
