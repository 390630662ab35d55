import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { percentile } from '../report/percentile.ts';
import { WaitingClient } from './waiting-client.ts';

const SCENARIO = 'sync-fanout';
/** Joins and first syncs at once. */
const MAX_PREPARING = 8;
/** Rounds that do not count, before those that do; not more than those. */
const MAX_WARM_UP_ROUNDS = 3;
/** Between two rounds: every client has asked again, and the target has nothing left to do. */
const SETTLE_MS = 1_000;
/** A client that has not got the event by then has lost it. */
const MAX_DELIVERY_MS = 30_000;
/** Long enough to be unexpired through its round. */
const STICKY_MS = 60_000;

/** As clients sync: few messages, members as needed, no presence. */
const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 10 }, state: { lazy_load_members: true } },
};

/** Time from the send of one sticky event to its receipt by the first, the median and the last waiting client. */
export async function measureSyncFanout(context: BenchContext): Promise<void> {
  for (const homeserver of context.homeservers) {
    const { subject } = homeserver;
    await attempt(context, { scenario: SCENARIO, subject }, () => measure(context, homeserver));
  }
}

interface Fanout {
  readonly sender: MatrixUser;
  readonly roomId: string;
  readonly clients: readonly WaitingClient[];
}

async function measure(context: BenchContext, homeserver: Homeserver): Promise<void> {
  const { options, progress, report } = context;
  const { subject, hasStickyEvents } = homeserver;
  if (!hasStickyEvents) {
    const text = 'has no sticky events (org.matrix.msc4354); measured with an ordinary event';
    report.remark({ scenario: SCENARIO, subject: subject.name, text, isFailure: false });
  }
  const fanout = await prepare(context, homeserver);
  const failure = watch(fanout.clients);
  const warmUpRounds = Math.min(MAX_WARM_UP_ROUNDS, options.rounds);
  const bar = progress.begin(`${subject.name}: rounds`, warmUpRounds + options.rounds);
  const rounds: Float64Array[] = [];
  try {
    for (let round = 0; round < warmUpRounds + options.rounds; round++) {
      await Promise.race([pause(SETTLE_MS), failure]);
      const end = round < warmUpRounds ? undefined : context.intervals.begin(SCENARIO, subject);
      const receipts = await Promise.race([deliver(fanout, round, hasStickyEvents), failure]);
      end?.();
      if (round >= warmUpRounds) rounds.push(receipts);
      bar.advance();
    }
  } finally {
    for (const client of fanout.clients) client.stop();
    fanout.sender.close();
  }
  addFigures(context, homeserver, rounds);
}

function addFigures({ report }: BenchContext, { subject }: Homeserver, rounds: readonly Float64Array[]): void {
  const overRounds = (share: number) => Float64Array.from(rounds, (receipts) => percentile(receipts, share)).sort();
  const figures: readonly [string, number][] = [
    ['to the first client', percentile(overRounds(0), 0.5)],
    ['to the median client', percentile(overRounds(0.5), 0.5)],
    ['to the last client', percentile(overRounds(1), 0.5)],
    ['to the last client, worst round', percentile(overRounds(1), 1)],
  ];
  for (const [name, value] of figures) {
    report.add({ scenario: SCENARIO, name: `${rounds[0]?.length ?? 0} clients, ${name}`, unit: 'ms', subject, value });
  }
}

async function prepare({ options, progress }: BenchContext, homeserver: Homeserver): Promise<Fanout> {
  const { name } = homeserver.subject;
  const [sender, ...users] = await homeserver.registerUsers(options.clients + 1);
  if (sender === undefined) throw new Error('No user was registered');
  const roomId = await sender.createRoom();
  const joining = progress.begin(`${name}: joining the room`, users.length);
  await inParallel(users.length, MAX_PREPARING, async (index) => {
    await users[index]?.join(roomId);
    joining.advance();
  });
  const syncing = progress.begin(`${name}: first syncs`, users.length);
  const clients: WaitingClient[] = new Array(users.length);
  await inParallel(users.length, MAX_PREPARING, async (index) => {
    const user = users[index];
    if (user === undefined) throw new Error('A client without a user');
    const client = new WaitingClient(user, await user.createFilter(FILTER));
    await client.begin();
    clients[index] = client;
    syncing.advance();
  });
  return { sender, roomId, clients };
}

/** Lets the clients run; the promise is kept never, and rejected when one of them fails. */
function watch(clients: readonly WaitingClient[]): Promise<never> {
  const failure = new Promise<never>((_, reject) => {
    for (const client of clients) client.run().catch(reject);
  });
  // After the end every client rejects, and nobody waits for it any more.
  failure.catch(() => undefined);
  return failure;
}

/** Sends the event of this round; gives the receipts in milliseconds since then, sorted. */
async function deliver({ sender, roomId, clients }: Fanout, round: number, isSticky: boolean): Promise<Float64Array> {
  const marker = `fanout-marker-${round}-of-the-bench`;
  const receipts = new Float64Array(clients.length);
  let count = 0;
  const sentMs = performance.now();
  const received = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new TargetFault(`${clients.length - count} of ${clients.length} clients never got the event`));
    }, MAX_DELIVERY_MS);
    const receive = (atMs: number) => {
      receipts[count++] = atMs - sentMs;
      if (count < clients.length) return;
      clearTimeout(timer);
      resolve();
    };
    for (const client of clients) client.expect({ marker, receive });
  });
  const content = { msgtype: 'm.text', body: marker, msc4354_sticky_key: 'bench' };
  const stickyMs = isSticky ? STICKY_MS : undefined;
  const [, sent] = await Promise.allSettled([
    received,
    sender.sendMessage(roomId, content, { transactionId: `fanout-${round}`, stickyMs }),
  ]);
  if (sent.status === 'rejected') throw sent.reason;
  await received;
  return receipts.sort();
}
