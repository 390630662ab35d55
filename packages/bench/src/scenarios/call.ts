import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { inParallel } from '../in-parallel.ts';
import { call, textOf } from '../matrix/call.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import { MatrixUser, sendPath } from '../matrix/matrix-user.ts';
import { Durations } from '../report/durations.ts';
import { CountingClient } from './counting-client.ts';
import { marker } from './marker.ts';

const SCENARIO = 'call';
const STEPS = ['join', 'renewal', 'leave'] as const;
/** From one participant to the next: 500 join within ten seconds. */
const SPACING_MS = 20;
const STICKY_MS = 3_600_000;
/** Of the leave that is scheduled for who vanishes: longer than the call. */
const LEAVE_DELAY_MS = 600_000;
/** After the last event of a step; what has not come by then never will. */
const MAX_WAIT_MS = 60_000;
const CHECK_MS = 20;
const MAX_PREPARING = 8;

/**
 * Participants join one call, fifty a second, each the way that clients do: a delayed leave, then the sticky
 * membership. They renew it and leave, as fast. Time until the clients of all others have each of these events.
 */
export async function measureCall(context: BenchContext): Promise<void> {
  for (const homeserver of context.homeservers) {
    const { subject, hasStickyEvents, hasDelayedEvents } = homeserver;
    if (!hasStickyEvents || !hasDelayedEvents) {
      const text =
        'not measured: it has no sticky events or no delayed events (org.matrix.msc4354, org.matrix.msc4140)';
      context.report.remark({ scenario: SCENARIO, subject: subject.name, text, isFailure: false });
      continue;
    }
    await attempt(context, { scenario: SCENARIO, subject }, () => measure(context, homeserver));
  }
}

async function measure(context: BenchContext, homeserver: Homeserver): Promise<void> {
  const { options, report, intervals } = context;
  const { subject } = homeserver;
  const participants = await prepare(context, homeserver);
  const running = Promise.all(participants.map(({ client }) => client.run()));
  running.catch(() => undefined);
  const end = intervals.begin(SCENARIO, subject);
  try {
    for (const [step, name] of STEPS.entries()) {
      const durations = await Promise.race([measureStep(context, participants, step), running.then(ended)]);
      const [p50, p99] = durations.percentiles(0.5, 0.99);
      const line = `${options.participants} participants, ${name} until all have it`;
      report.add({ scenario: SCENARIO, name: `${line}, p50`, unit: 'ms', subject, value: p50 });
      report.add({ scenario: SCENARIO, name: `${line}, p99`, unit: 'ms', subject, value: p99 });
    }
  } finally {
    end();
    for (const { client } of participants) client.stop();
    await running.catch(() => undefined);
    for (const { sender, waiter } of participants) for (const user of [sender, waiter]) user.close();
  }
}

interface Participant {
  readonly sender: MatrixUser;
  /** The same user on a connection of its own, which waits. */
  readonly waiter: MatrixUser;
  readonly client: CountingClient;
  readonly roomId: string;
  /** By the numbers of events: how many clients have it, and when the last of them got it. */
  readonly receipts: Receipts;
  delayId: string;
}

interface Receipts {
  readonly counts: Uint32Array;
  readonly lastMs: Float64Array;
}

async function prepare({ options, progress }: BenchContext, homeserver: Homeserver): Promise<Participant[]> {
  const users = await homeserver.registerUsers(options.participants);
  const [first] = users;
  if (first === undefined) throw new Error('No user was registered');
  const roomId = await first.createRoom();
  const count = STEPS.length * users.length;
  const receipts: Receipts = { counts: new Uint32Array(count), lastMs: new Float64Array(count) };
  const receive = (index: number, atMs: number) => {
    receipts.counts[index] = (receipts.counts[index] ?? 0) + 1;
    receipts.lastMs[index] = Math.max(receipts.lastMs[index] ?? 0, atMs);
  };
  const joining = progress.begin(`${homeserver.subject.name}: joining the room`, users.length);
  await inParallel(users.length, MAX_PREPARING, async (index) => {
    await users[index]?.join(roomId);
    joining.advance();
  });
  const syncing = progress.begin(`${homeserver.subject.name}: first syncs`, users.length);
  const participants: Participant[] = new Array(users.length);
  await inParallel(users.length, MAX_PREPARING, async (index) => {
    const sender = users[index];
    if (sender === undefined) throw new Error('A participant without a user');
    const waiter = new MatrixUser(sender.userId, sender.connection.another());
    const client = new CountingClient(waiter, count, receive);
    await client.begin();
    participants[index] = { sender, waiter, client, roomId, receipts, delayId: '' };
    syncing.advance();
  });
  return participants;
}

/** All do it, one after the other, whether or not those before them were answered. */
async function measureStep(
  { progress }: BenchContext,
  participants: readonly Participant[],
  step: number,
): Promise<Durations> {
  const bar = progress.begin(`Participants: ${STEPS[step]}`, participants.length);
  const begunMs = performance.now();
  const sentMs = new Float64Array(participants.length);
  const first = step * participants.length;
  await Promise.all(
    participants.map(async (participant, number) => {
      await pause(Math.max(0, begunMs + number * SPACING_MS - performance.now()));
      sentMs[number] = await act(participant, { step, index: first + number });
      bar.advance();
    }),
  );
  const [receipts] = participants.map((participant) => participant.receipts);
  if (receipts === undefined) throw new Error('A call without participants');
  const missing = () => sentMs.filter((_, number) => receipts.counts[first + number] !== participants.length).length;
  const deadlineMs = performance.now() + MAX_WAIT_MS;
  while (missing() > 0) {
    if (performance.now() > deadlineMs) throw new TargetFault(`${missing()} events of a call never came to all`);
    await pause(CHECK_MS);
  }
  const durations = new Durations();
  for (const [number, atMs] of sentMs.entries()) durations.add((receipts.lastMs[first + number] ?? 0) - atMs);
  return durations;
}

/** Joins, renews or leaves; when the event that the others see was asked for. */
async function act(participant: Participant, { step, index }: { step: number; index: number }): Promise<number> {
  const { sender, roomId, delayId } = participant;
  const { connection, userId } = sender;
  const content = { msgtype: 'm.text', body: marker(index), msc4354_sticky_key: userId };
  if (STEPS[step] === 'leave') {
    const atMs = performance.now();
    const path = `/_matrix/client/unstable/org.matrix.msc4140/delayed_events/${delayId}/send`;
    await call(connection, { method: 'POST', path, body: {} });
    return atMs;
  }
  if (STEPS[step] === 'join') {
    const leaveIndex = index + ((STEPS.length - 1) * participant.receipts.counts.length) / STEPS.length;
    const path = `${sendPath(roomId, `leave-${index}`, STICKY_MS)}&org.matrix.msc4140.delay=${LEAVE_DELAY_MS}`;
    const body = { ...content, body: marker(leaveIndex) };
    participant.delayId = textOf(await call(connection, { method: 'PUT', path, body }), 'delay_id');
  }
  const atMs = performance.now();
  await sender.sendMessage(roomId, content, { transactionId: `call-${index}`, stickyMs: STICKY_MS });
  return atMs;
}

function ended(): never {
  throw new TargetFault('The clients of a call ended by themselves');
}
