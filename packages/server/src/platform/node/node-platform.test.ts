import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { openSigningKey, rotateSigningKey } from '../key-file.ts';
import { nodeKeyFile } from './key-file.ts';
import { createNodeLog, type LogOptions } from './log.ts';
import { nodeRandom } from './random.ts';
import { nodeTimers } from './timers.ts';

const directories: string[] = [];

function temporaryDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), 'limpet-platform-'));
  directories.push(path);
  return path;
}

afterEach(() => {
  for (const path of directories.splice(0)) {
    rmSync(path, { recursive: true });
  }
});

describe('the signing key', () => {
  test('is made once, readable by its owner only, and is the same at the next start', () => {
    const path = join(temporaryDirectory(), 'data', 'signing.key');
    const first = openSigningKey(nodeKeyFile(path), nodeRandom);
    const second = openSigningKey(nodeKeyFile(path), nodeRandom);
    expect(second.keyId).toBe(first.keyId);
    expect(second.publicKeyBase64).toBe(first.publicKeyBase64);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(/^ed25519 a_[0-9a-f]{6} [A-Za-z0-9+/]{43}\n$/);
  });

  test('is read as another homeserver wrote it', () => {
    const path = join(temporaryDirectory(), 'signing.key');
    // The seed of the specification's signing test vectors (appendices, "Cryptographic Test Vectors").
    writeFileSync(path, 'ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n');
    const key = openSigningKey(nodeKeyFile(path), nodeRandom);
    expect(key.keyId).toBe('ed25519:1');
    expect(key.publicKeyBase64).toBe('XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI');
  });

  test('is changed for a new one, and the old ones are remembered with their ends', () => {
    const path = join(temporaryDirectory(), 'signing.key');
    const file = nodeKeyFile(path);
    const first = openSigningKey(file, nodeRandom);
    const second = rotateSigningKey(file, nodeRandom, 1_000);
    const third = rotateSigningKey(file, nodeRandom, 2_000);
    expect(new Set([first.keyId, second.keyId, third.keyId]).size).toBe(3);
    expect(third.oldKeys).toEqual([
      { keyId: second.keyId, publicKeyBase64: second.publicKeyBase64, expiredTs: 2_000 },
      { keyId: first.keyId, publicKeyBase64: first.publicKeyBase64, expiredTs: 1_000 },
    ]);
    expect(openSigningKey(file, nodeRandom)).toMatchObject({ keyId: third.keyId, oldKeys: third.oldKeys });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test.each([
    '',
    'ed25519 a YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\nold ed25519 b AAAA 1000',
    'ed25519 a YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\ned25519 b YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1',
    'ed25519 a',
    'rsa a YJDB',
    'ed25519 a YJDB',
    'ed25519 a-b YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1',
  ])('is refused, not replaced, when the file holds %j', (text) => {
    const path = join(temporaryDirectory(), 'signing.key');
    writeFileSync(path, text);
    expect(() => openSigningKey(nodeKeyFile(path), nodeRandom)).toThrow(`${path} is no signing key`);
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});

describe('the log', () => {
  function written(
    options: Omit<LogOptions, 'output'>,
    write: (log: ReturnType<typeof createNodeLog>) => void,
  ): string {
    const lines: string[] = [];
    write(createNodeLog({ ...options, output: { write: (line) => void lines.push(line) } }));
    return lines.join('');
  }

  test('pretty keeps what came from outside on its line', () => {
    const text = written({ level: 'info', format: 'pretty' }, (log) =>
      log.with({ room: '!r:x' }).info('Joined', { name: 'a\nb\u001b[31m' }),
    );
    expect(text).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info {2}Joined room="!r:x" name="a\\nb\\u001b\[31m"\n$/);
  });

  test('shows the stack of an error', () => {
    const text = written({ level: 'info', format: 'pretty' }, (log) => log.error('Bug', { error: new Error('no') }));
    expect(text).toContain('error="no"');
    expect(text).toContain('node-platform.test.ts');
  });

  test('json is one object a line, and levels below the chosen one are left out', () => {
    const text = written({ level: 'warn', format: 'json' }, (log) => {
      log.info('Left out');
      log.warn('Kept', { count: 1 });
    });
    expect(JSON.parse(text)).toMatchObject({ level: 40, msg: 'Kept', count: 1 });
  });
});

describe('timers', () => {
  test('fire once, in the order of their delays, and not after they were cancelled', async () => {
    const fired: string[] = [];
    const cancelled = nodeTimers.after(1, () => fired.push('cancelled'));
    nodeTimers.after(5, () => fired.push('second'));
    nodeTimers.after(0, () => fired.push('first'));
    cancelled.cancel();
    cancelled.cancel();
    await new Promise<void>((resolve) => {
      const keepsTheTestAlive = setInterval(() => undefined, 1000);
      nodeTimers.after(10, () => {
        clearInterval(keepsTheTestAlive);
        resolve();
      });
    });
    expect(fired).toEqual(['first', 'second']);
  });

  test.each([-1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY])('refuse a delay of %s ms', (delayMs) => {
    expect(() => nodeTimers.after(delayMs, () => undefined)).toThrow('A timer takes 0 to 2147483647 ms');
  });
});
