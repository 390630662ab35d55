import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { MatrixClient } from './matrix-client.ts';
import { startServerProcess } from './server-process.ts';

/** Kill -9 while delayed events fall due, on a file with real fsync: each is sent, and once (G3). */

const EVENTS = 60;
/** They fall due one after the other, over so long a time, from this on. */
const FIRST_DELAY_MS = 3_000;
const SPACING_MS = 25;

const CONFIG = `
listeners: [{ port: 0 }]
registration: { mode: open }
rate_limits: { enabled: false }
delayed_events: { burst: 1000 }
log: { level: error }
`;

test('a server that is killed while delayed events fall due sends each of them once', { timeout: 90_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'limpet-delayed-crash-'));
  await writeFile(join(directory, 'limpet.yaml'), CONFIG);
  let server = await startServerProcess(directory);
  onTestFinished(async () => {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  });
  const alice = new MatrixClient(server.url, 'alice', 10);
  await alice.register();
  const roomId = String((await alice.ask('POST', '/createRoom', {})).room_id);
  const begunMs = Date.now();
  await Promise.all(
    Array.from({ length: EVENTS }, (_, number) => {
      const delayMs = FIRST_DELAY_MS + number * SPACING_MS - (Date.now() - begunMs);
      const path = `/rooms/${roomId}/delayed_event/m.test/${number}`;
      return alice.ask('PUT', path, { delay_ms: Math.max(1, delayMs), content: { number } });
    }),
  );
  await sleep(Math.max(0, begunMs + FIRST_DELAY_MS + (EVENTS / 2) * SPACING_MS - Date.now()));
  await server.kill();
  server = await startServerProcess(directory);
  alice.url = server.url;
  const all = Array.from({ length: EVENTS }, (_, number) => number);
  for (let found: number[] = []; found.length < EVENTS; ) {
    found = await numbersIn(alice, roomId);
    await sleep(50);
  }
  // Long enough for one that would come a second time.
  await sleep(1_000);
  expect((await numbersIn(alice, roomId)).sort((left, right) => left - right)).toEqual(all);
});

async function numbersIn(client: MatrixClient, roomId: string): Promise<number[]> {
  const filter = encodeURIComponent('{"types":["m.test"]}');
  const { chunk } = await client.ask('GET', `/rooms/${roomId}/messages?dir=b&limit=200&filter=${filter}`);
  return (chunk as { content: { number: number } }[]).map(({ content }) => content.number);
}
