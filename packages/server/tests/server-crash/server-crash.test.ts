import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { seededRandom } from '../support/seeded-random.ts';
import {
  checkChains,
  checkHistory,
  checkProjections,
  checkRepeats,
  checkState,
  readHistory,
  type Survey,
} from './crash-checks.ts';
import { type Load, load } from './crash-load.ts';
import { MatrixClient } from './matrix-client.ts';
import { type ServerProcess, startServerProcess } from './server-process.ts';

/** Kill -9 in the middle of load, on a file with real fsync: what was acknowledged is there, and nothing by half. */

const ROUNDS = 3;
const SEED = 20_261_120;
/** Acknowledged writes before the kill: at least so many, and at most twice so many. */
const MIN_WRITES = 150;

const CONFIG = `
listeners: [{ port: 0 }]
registration: { mode: open }
rate_limits: { enabled: false }
sticky_events: { events_per_sync: 7 }
log: { level: error }
`;

test('a server that is killed under load keeps what it acknowledged, three times over', {
  timeout: 120_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'limpet-server-crash-'));
  await writeFile(join(directory, 'limpet.yaml'), CONFIG);
  let server = await startServerProcess(directory);
  onTestFinished(async () => {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  });
  const people = await startPeople(server.url);
  const { alice, bob, carol, whole, narrow, quiet, roomId } = people;
  const random = seededRandom(SEED);
  const loads: Load[] = [];
  const survey: Survey = { roomId, creator: alice, reader: quiet, loads };
  for (let round = 0; round < ROUNDS; round++) {
    loads.push(await loadAndKill({ server, people, round, random: random.bytes(2) }));
    server = await startServerProcess(directory);
    for (const client of [alice, bob, carol, whole, narrow, quiet]) client.url = server.url;
    checkHistory(await readHistory(survey), survey);
    for (const one of loads) await checkRepeats(one);
    const history = await readHistory(survey);
    checkHistory(history, survey);
    await checkState(history, survey);
    await checkProjections(history, survey);
    await whole.drain();
    await narrow.drain();
    checkChains(history, whole, narrow);
  }
  expect(loads.map(({ acknowledged }) => acknowledged >= MIN_WRITES)).toEqual([true, true, true]);
});

type People = Awaited<ReturnType<typeof startPeople>>;

async function startPeople(url: string) {
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => new MatrixClient(url, name, 10));
  const whole = new MatrixClient(url, 'whole', 5_000);
  const narrow = new MatrixClient(url, 'narrow', 2);
  const quiet = new MatrixClient(url, 'quiet', 1);
  if (alice === undefined || bob === undefined || carol === undefined) throw new Error('Somebody is missing');
  for (const client of [alice, bob, carol, whole, narrow, quiet]) await client.register();
  const room = { preset: 'public_chat', power_level_content_override: { state_default: 0 } };
  const roomId = String((await alice.ask('POST', '/createRoom', room)).room_id);
  for (const client of [bob, whole, narrow, quiet]) await client.ask('POST', `/rooms/${roomId}/join`, {});
  return { alice, bob, carol, whole, narrow, quiet, roomId };
}

interface Round {
  readonly server: ServerProcess;
  readonly people: People;
  readonly round: number;
  readonly random: Uint8Array;
}

async function loadAndKill({ server, people, round, random }: Round): Promise<Load> {
  const { alice, bob, carol, whole, narrow, roomId } = people;
  const [share = 0, moment = 0] = random;
  const writes = MIN_WRITES + Math.floor((share / 256) * MIN_WRITES);
  let killed: Promise<void> | undefined;
  const done = await load({
    roomId,
    senders: [alice, bob],
    wanderer: carol,
    readers: [whole, narrow],
    round,
    onAcknowledged(count) {
      if (count >= writes) killed ??= sleep(moment / 8).then(() => server.kill());
    },
  });
  await killed;
  return done;
}
