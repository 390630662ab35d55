import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../bin/limpet.js', import.meta.url));

/** The promise of the manual for SIGTERM. */
const MAX_STOP_MS = 5_000;

const children: ChildProcess[] = [];
const directories: string[] = [];

interface Finished {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** What the pattern finds in the output, as soon as it is there. */
  waitFor(pattern: RegExp): Promise<string>;
}

function temporaryDirectory(config?: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'limpet-'));
  directories.push(directory);
  if (config !== undefined) {
    writeFileSync(join(directory, 'limpet.yaml'), config);
  }
  return directory;
}

function start(directory: string, args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], { cwd: directory });
  children.push(child);
  let output = '';
  let errors = '';
  const listeners = new Set<() => void>();
  child.stdout.on('data', (chunk) => {
    output += chunk;
    for (const listener of listeners) {
      listener();
    }
  });
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.end(input);
  const finished = new Promise<Finished>((resolve) => {
    child.once('close', (status) => resolve({ status, output, errors }));
  });
  function waitFor(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      function look(): void {
        const match = pattern.exec(output);
        if (match !== null) {
          listeners.delete(look);
          resolve(match[1] ?? match[0]);
        }
      }
      listeners.add(look);
      void finished.then(({ status }) => reject(new Error(`It ended with ${status}: ${output}${errors}`)));
      look();
    });
  }
  return { child, finished, waitFor };
}

function run(directory: string, args: readonly string[], input?: string): Promise<Finished> {
  return start(directory, args, input).finished;
}

async function startServer(directory: string): Promise<Running & { url: string }> {
  const running = start(directory, ['serve', '--config', 'limpet.yaml']);
  const url = await running.waitFor(/on (http:\S+)/);
  await running.waitFor(/Data are in .*\n/);
  return { ...running, url };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function logIn(url: string, user: string, password: string): Promise<{ status: number; accessToken: string }> {
  const body = { type: 'm.login.password', identifier: { type: 'm.id.user', user }, password };
  const response = await fetch(`${url}/_matrix/client/v3/login`, { method: 'POST', body: JSON.stringify(body) });
  const answer = (await response.json()) as { access_token?: string };
  return { status: response.status, accessToken: answer.access_token ?? '' };
}

const ANY_PORT = 'listeners: [{ port: 0 }]\n';

afterEach(() => {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
  }
  for (const directory of directories.splice(0)) {
    rmSync(directory, { recursive: true, force: true });
  }
});

describe('limpet serve', () => {
  test('says where it is, where data are, and how to make the first account', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    const server = await startServer(directory);
    await server.waitFor(/user create NAME --admin/);
    await server.waitFor(/registration token, good for once, is (\S{24})\n/);
    expect((await fetch(`${server.url}/_matrix/client/versions`)).status).toBe(200);
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700);
    for (const file of ['signing.key', 'control.sock', 'limpet.db']) {
      expect(statSync(join(directory, 'data', file)).mode & 0o777).toBe(0o600);
    }
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('ends with status 0 on %s, with open connections, too', async (signal) => {
    const server = await startServer(temporaryDirectory(ANY_PORT));
    // The connection stays open: fetch keeps it alive.
    await (await fetch(`${server.url}/_matrix/client/versions`)).text();
    const cutOff = setTimeout(() => server.child.kill('SIGKILL'), MAX_STOP_MS);
    server.child.kill(signal);
    const { status, output } = await server.finished;
    clearTimeout(cutOff);
    expect(status).toBe(0);
    expect(output).toContain('Stopped');
  });

  test('answers who waits in /sync before it ends', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    const config = ['--config', 'limpet.yaml'];
    await run(directory, ['user', 'create', 'alice', ...config], 'correct horse');
    const server = await startServer(directory);
    const token = await logIn(server.url, 'alice', 'correct horse');
    const sync = async (query: string) => {
      const headers = { authorization: `Bearer ${token.accessToken}` };
      const response = await fetch(`${server.url}/_matrix/client/v3/sync${query}`, { headers });
      return { status: response.status, body: (await response.json()) as { next_batch: string } };
    };
    const first = await sync('');
    const waiting = sync(`?timeout=600000&since=${encodeURIComponent(first.body.next_batch)}`);
    // An answer to a later request says that the waiting one has arrived.
    await fetch(`${server.url}/_matrix/client/versions`);
    server.child.kill('SIGTERM');
    expect(await waiting).toEqual({ status: 200, body: expect.objectContaining({ next_batch: expect.any(String) }) });
    expect((await server.finished).status).toBe(0);
  });

  test('a port in use is one line that names it, status 2, and nothing was begun', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const directory = temporaryDirectory(`listeners: [{ port: ${port} }]`);
    const { status, errors } = await run(directory, ['serve', '--config', 'limpet.yaml']);
    other.close();
    expect(errors).toBe(
      `limpet: Port ${port} on 127.0.0.1 is in use. Stop the program that has it, or choose another port, ` +
        'under "listeners" in the configuration\n',
    );
    expect(status).toBe(2);
    expect(existsSync(join(directory, 'data'))).toBe(false);
  });

  test('a second server on the same data is refused', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    await startServer(directory);
    const { status, errors } = await run(directory, ['serve', '--config', 'limpet.yaml']);
    expect([status, errors.split('\n').length]).toEqual([2, 2]);
    expect(errors).toContain('in use by another Limpet process');
  });

  test('a damaged signing key is not replaced', async () => {
    const directory = temporaryDirectory(`${ANY_PORT}data_path: .\n`);
    writeFileSync(join(directory, 'signing.key'), 'nonsense');
    const { status, errors } = await run(directory, ['serve', '--config', 'limpet.yaml']);
    expect([status, errors]).toEqual([2, expect.stringMatching(/^limpet: \S+signing\.key is no signing key: .*\n$/)]);
  });

  test.each([
    ['sticky_event: {}', 'limpet: limpet.yaml: Unknown key "sticky_event". Did you mean "sticky_events"?\n'],
    [
      'listeners: [{ port: x }]',
      'limpet: limpet.yaml: "listeners[0].port" must be an integer from 0 to 65535, not "x"\n',
    ],
    ['log: {', expect.stringMatching(/^limpet: limpet\.yaml: Bad YAML in line 1, column \d+: .*\n$/)],
    [
      'listeners: [{ port: 0, tls: { certificate: no.pem, private_key: no.pem } }]',
      expect.stringMatching(/^limpet: "listeners\[0\]\.tls\.certificate": \S+no\.pem: there is no such file.*\n$/),
    ],
  ])('%s is one line, and status 2', async (config, message) => {
    const { status, errors } = await run(temporaryDirectory(config), ['serve', '--config', 'limpet.yaml']);
    expect([status, errors]).toEqual([2, message]);
  });

  test('a configuration that is not there is named', async () => {
    const { status, errors } = await run(temporaryDirectory(), ['serve', '--config', 'no.yaml']);
    expect([status, errors]).toEqual([
      2,
      'limpet: The configuration file no.yaml: there is no such file. Check the path\n',
    ]);
  });
});

describe('limpet doctor', () => {
  test('looks at a server that runs, as one JSON object a line, with status 1 where something is wrong', async () => {
    const port = await freePort();
    const directory = temporaryDirectory(`listeners: [{ port: ${port} }]\nserver_name: 127.0.0.1:1\n`);
    await startServer(directory);
    const { status, output } = await run(directory, ['doctor', '--json', '--config', 'limpet.yaml']);
    const findings = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { check: string; level: string; remedy?: string });
    const levelsOf = (check: string) => findings.filter((one) => one.check === check).map(({ level }) => level);
    expect(levelsOf('database')).toEqual(['good']);
    expect(levelsOf('listeners')).toEqual(['good']);
    // Nobody can reach port 1.
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([
      expect.objectContaining({ check: 'discovery', remedy: expect.any(String) }),
    ]);
    expect(status).toBe(1);
  });

  test('looks at one that is stopped, and makes nothing of it worse', async () => {
    const directory = temporaryDirectory(`${ANY_PORT}federation: { enabled: false }\n`);
    const { status, output, errors } = await run(directory, ['doctor', '--config', 'limpet.yaml']);
    expect(output).toContain('is not running');
    expect(output).toMatch(/Nothing is wrong\.\n$/);
    expect([status, errors]).toEqual([0, '']);
  });
});

describe('limpet user', () => {
  const config = ['--config', 'limpet.yaml'];

  test('makes and changes accounts while the server runs', async () => {
    const directory = temporaryDirectory(`${ANY_PORT}rate_limits: { enabled: false }\n`);
    const { url } = await startServer(directory);
    const made = await run(
      directory,
      ['user', 'create', 'alice', '--admin', '--password-stdin', ...config],
      'correct horse\n',
    );
    expect(made).toEqual({ status: 0, output: 'Made the administrator @alice:localhost\n', errors: '' });
    expect((await logIn(url, 'alice', 'correct horse')).status).toBe(200);

    const reset = await run(directory, ['user', 'reset-password', 'alice', '--generate-password', ...config]);
    const password = /^Password: (\S{20})$/m.exec(reset.output)?.[1] ?? '';
    const [before, after] = [await logIn(url, 'alice', 'correct horse'), await logIn(url, 'alice', password)];
    expect([before.status, after.status]).toEqual([403, 200]);

    const again = await run(directory, ['user', 'create', 'alice', ...config], 'correct horse');
    expect(again).toEqual({ status: 1, output: '', errors: 'limpet: This user name is taken.\n' });

    const ended = await run(directory, ['user', 'deactivate', '@alice:localhost', ...config]);
    expect(ended.output).toBe('Deactivated @alice:localhost\n');
    expect((await logIn(url, 'alice', password)).status).toBe(403);
  });

  test('works without a running server, and what it made is there afterwards', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    await run(directory, ['user', 'create', 'bob', ...config], 'correct horse');
    const weak = await run(directory, ['user', 'create', 'carol', ...config], 'short');
    expect([weak.status, weak.errors]).toEqual([1, 'limpet: A password needs at least 8 characters.\n']);
    const { url } = await startServer(directory);
    expect((await logIn(url, 'bob', 'correct horse')).status).toBe(200);
    const list = await run(directory, ['user', 'list', '--json', ...config]);
    expect(
      list.output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).userId),
    ).toEqual(['@bob:localhost']);
  });

  test('goes on after a server that was killed', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    const server = await startServer(directory);
    server.child.kill('SIGKILL');
    await server.finished;
    const { status, output } = await run(directory, ['user', 'list', ...config]);
    expect([status, output]).toEqual([0, expect.stringContaining('There is no account yet.')]);
  });

  test('names a user who is not there', async () => {
    const { status, errors } = await run(temporaryDirectory(ANY_PORT), ['user', 'deactivate', 'nobody', ...config]);
    expect([status, errors]).toEqual([1, 'limpet: There is no such user on this server.\n']);
  });
});

describe('limpet key rotate', () => {
  test('refuses while the server runs; afterwards the server publishes the old key as such', async () => {
    const directory = temporaryDirectory(ANY_PORT);
    const keys = async (url: string) => (await fetch(`${url}/_matrix/key/v2/server`)).json() as Promise<PublishedKeys>;
    const rotate = ['key', 'rotate', '--config', 'limpet.yaml'];
    const first = await startServer(directory);
    const before = await keys(first.url);
    expect(await run(directory, rotate)).toMatchObject({ status: 1, errors: expect.stringContaining('Stop it') });
    first.child.kill('SIGTERM');
    await first.finished;
    expect(await run(directory, rotate)).toMatchObject({ status: 0, errors: '' });
    const second = await startServer(directory);
    const after = await keys(second.url);
    expect(Object.keys(after.old_verify_keys)).toEqual(Object.keys(before.verify_keys));
    expect(Object.keys(after.verify_keys)).not.toEqual(Object.keys(before.verify_keys));
    second.child.kill('SIGTERM');
    await second.finished;
  });
});

interface PublishedKeys {
  readonly verify_keys: object;
  readonly old_verify_keys: object;
}

describe('limpet', () => {
  test('config example is a good configuration', async () => {
    const directory = temporaryDirectory();
    const { output } = await run(directory, ['config', 'example']);
    writeFileSync(join(directory, 'limpet.yaml'), output);
    const checked = await run(directory, ['config', 'check', '--config', 'limpet.yaml']);
    expect(checked).toEqual({ status: 0, output: 'limpet.yaml is good\n', errors: '' });
  });

  test.each([
    [['--help'], 0, /Examples:/],
    [['user', 'create', '--help'], 0, /limpet user create alice/],
    [['--version'], 0, /^\d+\.\d+\.\d+$/m],
    [['user', 'crate'], 2, /create/],
    [['serve', '--confg', 'x'], 2, /--config/],
    [[], 2, /Usage: limpet/],
  ])('%j ends with %d', async (args, status, said) => {
    const finished = await run(temporaryDirectory(), args);
    expect(finished.status).toBe(status);
    expect(finished.output + finished.errors).toMatch(said);
  });
});
