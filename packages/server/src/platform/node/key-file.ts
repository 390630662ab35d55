import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { KeyFile } from '../key-file.ts';

/**
 * A file that only its owner may read. It appears whole or not at all: the text is written and synced under another
 * name, which then becomes the real one. Callers hold the lock of the data directory, so two never make it at once.
 */
export function nodeKeyFile(path: string): KeyFile {
  return {
    path,
    readOrCreate: (make) => (existsSync(path) ? readFileSync(path, 'utf8') : write(path, make())),
    replace: (text) => void write(path, text),
  };
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
  syncDirectory(dirname(path));
  return text;
}

/** Makes the new name itself durable. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
