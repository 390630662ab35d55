import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { CONTRACT_MIGRATIONS, insertThing, thing, thingNames } from '../../src/storage/contract/contract-database.ts';
import { openPostgresStorage } from '../../src/storage/postgres/open-postgres-storage.ts';
import { openSqliteStorage } from '../../src/storage/sqlite/open-sqlite-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { silentLog } from '../support/silent-log.ts';
import { createPostgresDatabase } from '../support/test-postgres.ts';

/** Kill -9 in the middle of load: what was acknowledged is there, nothing is there by half, and the counters go on. */

const ROUNDS = 5;
const SEED = 20_261_120;

const random = seededRandom(SEED);
const options = { random, log: silentLog, migrations: CONTRACT_MIGRATIONS };

test('SQLite keeps what it acknowledged when its process is killed', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'limpet-crash-'));
  const path = join(directory, 'limpet.db');
  try {
    await survive(['sqlite', path], () => openSqliteStorage({ ...options, path }));
  } finally {
    await rm(directory, { recursive: true });
  }
}, 120_000);

test('PostgreSQL keeps what it acknowledged when the process that writes is killed', async () => {
  const url = await createPostgresDatabase();
  await survive(['postgres', url], () => openPostgresStorage({ ...options, url }));
}, 120_000);

interface Acknowledged {
  readonly names: string[];
  lastPosition: number;
}

async function survive(address: string[], open: () => Promise<Storage>): Promise<void> {
  const acknowledged: Acknowledged = { names: [], lastPosition: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    // In every second round nothing is written but positions.
    await writeAndKill(round % 2 === 0 ? address : [...address, 'typing'], acknowledged);
    const storage = await open();
    try {
      await check(storage, acknowledged);
    } finally {
      await storage.close();
    }
  }
  expect(acknowledged.names.length).toBeGreaterThan(ROUNDS);
}

/** Kills the writer some acknowledged writes after its start, and a moment. */
async function writeAndKill(address: string[], acknowledged: Acknowledged): Promise<void> {
  const [byte = 0, moment = 0] = random.bytes(2);
  let linesLeft = 1 + byte * 4;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-writer.ts'), ...address], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const exited = once(child, 'exit');
  let isKilling = false;
  for await (const line of linesOf(child)) {
    const [first = '', position] = line.split(' ');
    if (first !== 'typing') acknowledged.names.push(`${first} a`, `${first} b`);
    acknowledged.lastPosition = Math.max(acknowledged.lastPosition, Number(position));
    linesLeft--;
    if (isKilling || linesLeft > 0) continue;
    isKilling = true;
    void sleep(moment / 8).then(() => child.kill('SIGKILL'));
  }
  expect(await exited).toEqual([null, 'SIGKILL']);
}

/** Complete lines alone: the last one may be cut by the kill. */
async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  if (child.stdout === null) throw new Error('The child has no output');
  for await (const line of createInterface({ input: child.stdout })) if (/^(\d+|typing) \d+$/.test(line)) yield line;
}

async function check(storage: Storage, acknowledged: Acknowledged): Promise<void> {
  const names = new Set(await thingNames(storage));
  expect(acknowledged.names.filter((name) => !names.has(name))).toEqual([]);
  const halves = [...names].filter((name) => !names.has(otherHalf(name)));
  expect(halves).toEqual([]);
  const current = storage.stream.current().get(1) ?? 0;
  expect(current).toBeGreaterThanOrEqual(acknowledged.lastPosition);
  const { value } = await storage.write((transaction) => {
    const first = transaction.allocate();
    transaction.run(insertThing, thing(first, `${first} a`));
    transaction.run(insertThing, thing(transaction.allocate(), `${first} b`));
    return first;
  });
  expect(value).toBeGreaterThan(Math.max(...[...names].map((name) => Number.parseInt(name, 10))));
}

function otherHalf(name: string): string {
  return name.endsWith('a') ? name.replace(/a$/, 'b') : name.replace(/b$/, 'a');
}
