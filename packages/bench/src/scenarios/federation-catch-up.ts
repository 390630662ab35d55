import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { OWN_SERVER_NAME } from '../read-options.ts';
import type { Federation } from '../targets/start-federation.ts';
import { CountingClient } from './counting-client.ts';
import { marker } from './marker.ts';

const SCENARIO = 'federation-catch-up';
const SENDERS = 32;
const CLIENTS = 4;
/** Unexpired for as long as the scenario may take. */
const STICKY_MS = 3_600_000;
/** From the return on; what has not come by then never will. */
const MAX_CATCH_UP_MS = 120_000;
const CHECK_MS = 20;

/** One of two servers is away while many sticky events are sent: time from its return until its clients have all. */
export async function measureFederationCatchUp(context: BenchContext): Promise<void> {
  const subject = context.subjects.find(({ name }) => name === OWN_SERVER_NAME);
  if (subject === undefined) return;
  await attempt(context, { scenario: SCENARIO, subject }, async () => {
    await using federation = await context.startFederation(2);
    const { firstMs, lastMs } = await measure(context, federation);
    const missed = `${context.options.missedEvents} sticky events`;
    for (const [text, value] of [
      ['until the first client has the first', firstMs],
      ['until the last client has the last', lastMs],
    ] as const) {
      context.report.add({ scenario: SCENARIO, name: `${missed}, ${text}`, unit: 'ms', subject, value });
    }
  });
}

async function measure(context: BenchContext, federation: Federation) {
  const { options, progress } = context;
  const [home, away] = federation.members;
  if (home === undefined || away === undefined) throw new Error('A federation of fewer than two');
  const senders = await home.homeserver.registerUsers(SENDERS);
  const [returning, ...users] = await away.homeserver.registerUsers(1 + CLIENTS);
  const [owner, ...guests] = senders;
  if (owner === undefined || returning === undefined) throw new Error('No user was registered');
  const roomId = await owner.createRoom();
  for (const guest of guests) await guest.join(roomId);
  for (const user of [returning, ...users]) await user.join(roomId, home.serverName);

  const expected = options.missedEvents * users.length;
  let received = 0;
  let firstMs = Number.POSITIVE_INFINITY;
  let lastMs = 0;
  const clients = users.map(
    (user) =>
      new CountingClient(user, options.missedEvents, (_, atMs) => {
        received++;
        firstMs = Math.min(firstMs, atMs);
        lastMs = Math.max(lastMs, atMs);
      }),
  );
  for (const client of clients) await client.begin();

  await away.stop();
  await sendSticky(context, senders, roomId);
  const bar = progress.begin('The server that was away catches up', expected);
  await away.start();
  const returnedMs = performance.now();
  const running = Promise.all(clients.map((client) => client.run()));
  try {
    // People come back with their server; that the others hear from it is what makes them try at once.
    await returning.sendMessage(roomId, { msgtype: 'm.text', body: 'Back again' }, { transactionId: 'back' });
    const deadlineMs = returnedMs + MAX_CATCH_UP_MS;
    for (let told = 0; received < expected; ) {
      if (performance.now() > deadlineMs) {
        throw new TargetFault(`${expected - received} of ${expected} receipts of sticky events never came`);
      }
      await Promise.race([pause(CHECK_MS), running]);
      for (; told < received; told++) bar.advance();
    }
  } finally {
    for (const client of clients) client.stop();
    await running.catch(() => undefined);
  }
  return { firstMs: firstMs - returnedMs, lastMs: lastMs - returnedMs };
}

async function sendSticky({ options, progress }: BenchContext, senders: readonly MatrixUser[], roomId: string) {
  const bar = progress.begin('Sending while the other server is away', options.missedEvents);
  await inParallel(options.missedEvents, senders.length, async (index, line) => {
    const content = { msgtype: 'm.text', body: marker(index), msc4354_sticky_key: String(index) };
    const sending = { transactionId: `missed-${index}`, stickyMs: STICKY_MS };
    await senders[line]?.sendMessage(roomId, content, sending);
    bar.advance();
  });
}
