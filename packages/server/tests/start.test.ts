import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const LIMPET = pathOf('../bin/limpet.js');
const WARM_UP = pathOf('../bin/warm-up.js');
const WRITER_THREAD = pathOf('../src/storage/sqlite/writer-thread.ts');
const LIST_LOADED_FILES = pathOf('./support/list-loaded-files.ts');

/** Of an environment that has no say in these tests: a cache of the test runner's own, for one. */
const { NODE_COMPILE_CACHE, NODE_DISABLE_COMPILE_CACHE, NODE_OPTIONS, ...ENVIRONMENT } = process.env;

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'limpet-'));
  writeFileSync(join(directory, 'limpet.yaml'), 'listeners: [{ port: 0 }]\n');
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('what a start loads', () => {
  test('a server on SQLite does without PostgreSQL, Kysely, undici, sharp and compilers of schemas', async () => {
    const { packages } = await filesLoadedBy([LIMPET, 'serve', '--config', 'limpet.yaml']);
    expect(packages).toContain('fastify');
    expect(packages).toContain('yaml');
    const compilers = ['@fastify/ajv-compiler', 'ajv', '@fastify/fast-json-stringify-compiler'];
    expect(packages.filter((name) => ['pg', 'kysely', 'sharp', 'undici', ...compilers].includes(name))).toEqual([]);
  });

  test('without a configuration file nothing of YAML is loaded', async () => {
    const { status, packages } = await filesLoadedBy([LIMPET, 'config', 'check']);
    expect(status).toBe(0);
    expect(packages).toContain('commander');
    expect(packages).not.toContain('yaml');
  });

  test('the thread that writes loads four files of ours, and no package', async () => {
    const { files, packages, errors } = await filesLoadedBy([WRITER_THREAD]);
    expect(errors).toContain('runs in a worker thread');
    expect(files.map((file) => file.slice(file.lastIndexOf('/') + 1)).sort()).toEqual([
      'group-text.ts',
      'sqlite-connection.ts',
      'sqlite-group.ts',
      'writer-thread.ts',
    ]);
    expect(packages).toEqual([]);
  });
});

describe('the cache of compiled code', () => {
  test('after the warm-up the first start compiles nothing', async () => {
    const cache = join(directory, 'cache');
    const warmUp = await run([WARM_UP], { NODE_COMPILE_CACHE: cache });
    expect(warmUp).toEqual({ status: 0, errors: '' });
    const kept = filesUnder(cache);
    expect(kept.length).toBeGreaterThan(100);
    expect((await run([LIMPET, 'serve', '--config', 'limpet.yaml'], { NODE_COMPILE_CACHE: cache })).status).toBe(0);
    expect(filesUnder(cache)).toEqual(kept);
  });

  test('where it cannot be written, warm-up and start go well all the same', async () => {
    const environment = { NODE_COMPILE_CACHE: '/dev/null/cache' };
    expect(await run([WARM_UP], environment)).toEqual({ status: 0, errors: '' });
    expect((await run([LIMPET, '--version'], environment)).status).toBe(0);
  });

  test('a warm-up that fails says so in a line, and fails nobody', async () => {
    const { status, errors } = await run([WARM_UP], { TMPDIR: join(directory, 'nowhere') });
    expect(status).toBe(0);
    expect(errors).toMatch(/^limpet: the first start will be slower than the next ones: .*ENOENT.*\n$/);
  });
});

interface Loaded extends Finished {
  /** URLs, but for packages and what is built in. */
  readonly files: readonly string[];
  /** Names of packages, each once. */
  readonly packages: readonly string[];
}

async function filesLoadedBy(args: readonly string[]): Promise<Loaded> {
  const list = join(directory, 'loaded.txt');
  const finished = await run(['--import', LIST_LOADED_FILES, ...args], { LOADED_FILES: list });
  const urls = readFileSync(list, 'utf8').split('\n');
  const packages = urls.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]);
  return {
    ...finished,
    files: urls.filter((url, index) => url.startsWith('file:') && packages[index] === undefined),
    packages: [...new Set(packages.filter((name) => name !== undefined))],
  };
}

interface Finished {
  readonly status: number | null;
  readonly errors: string;
}

/** Runs it to its end. A server is asked to stop when it says that it serves; once, as a second signal cuts it off. */
function run(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<Finished> {
  const env = { ...ENVIRONMENT, ...environment };
  const child = spawn(process.execPath, args, { cwd: directory, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  let isAsked = false;
  child.stdout.on('data', (chunk) => {
    output += chunk;
    if (isAsked || !output.includes('Limpet serves')) return;
    isAsked = child.kill('SIGTERM');
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, errors })));
}

function filesUnder(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
