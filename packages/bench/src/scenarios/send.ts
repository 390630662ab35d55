import { attempt, type BenchContext } from '../bench-context.ts';
import { HttpConnection } from '../http/http-connection.ts';
import { inParallel } from '../in-parallel.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import { sendPath } from '../matrix/matrix-user.ts';
import { Durations } from '../report/durations.ts';
import type { Unit } from '../report/report.ts';
import type { Subject } from '../targets/subject.ts';
import { driveSenders, type Sender } from './drive-senders.ts';

const SENDER_COUNTS: readonly number[] = [1, 8, 64];
const MOST_SENDERS = 64;

const SCENARIO = 'send';
/** Parts of one measurement. */
const TURNS = 4;
/** Joins at once. */
const MAX_JOINING = 8;

/** A message as people write them: 80 characters. */
const TEXT = 'The quick brown fox jumps over the lazy dog, then naps under the old oak tree.';

/** Where the floor program answers at once. */
const EMPTY_PATH = '/empty';

/** Rate and latency of messages. */
export async function measureSend(context: BenchContext): Promise<void> {
  const ready = await prepareSenders(context, SCENARIO);
  for (const count of SENDER_COUNTS) await measureInTurns(context, ready, count);
  const floor = context.subjects.find(({ kind }) => kind === 'floor');
  if (floor !== undefined) {
    await attempt(context, { scenario: SCENARIO, subject: floor }, () => measureCeiling(context, floor));
  }
  for (const senders of ready.values()) closeSenders(senders);
}

/** For every subject that could be prepared, as many senders as are ever needed. */
export async function prepareSenders(
  context: BenchContext,
  scenario: 'send' | 'memory',
): Promise<Map<Subject, Sender[]>> {
  const ready = new Map<Subject, Sender[]>();
  for (const subject of context.subjects) {
    const homeserver = context.homeservers.find((candidate) => candidate.subject === subject);
    await attempt(context, { scenario, subject }, async () => {
      ready.set(subject, homeserver === undefined ? floorSenders(subject) : await matrixSenders(context, homeserver));
    });
  }
  return ready;
}

export function closeSenders(senders: readonly Sender[]): void {
  for (const { connection } of senders) connection.close();
}

/** Short turns instead of one long one: what disturbs the machine meanwhile disturbs all subjects alike. */
async function measureInTurns(
  context: BenchContext,
  ready: ReadonlyMap<Subject, readonly Sender[]>,
  count: number,
): Promise<void> {
  const { options, progress, intervals } = context;
  const label = `${count} sender${count === 1 ? '' : 's'}`;
  const measured = new Map([...ready.keys()].map((subject) => [subject, new Durations()]));
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [subject, durations] of measured) {
      progress.begin(`${subject.name}: ${label}, turn ${turn + 1} of ${TURNS}`);
      const drive = {
        warmUpMs: turn === 0 ? options.warmUpMs : options.warmUpMs / TURNS,
        durationMs: options.durationMs / TURNS,
        begin: () => (count === MOST_SENDERS ? intervals.begin(SCENARIO, subject) : () => undefined),
        durations,
      };
      const senders = ready.get(subject)?.slice(0, count) ?? [];
      const isMeasured = await attempt(context, { scenario: SCENARIO, subject }, () => driveSenders(senders, drive));
      if (!isMeasured) measured.delete(subject);
    }
  }
  for (const [subject, durations] of measured) addFigures(context, { subject, label, durations });
}

interface Sent {
  readonly subject: Subject;
  readonly label: string;
  readonly durations: Durations;
}

function addFigures({ report, options }: BenchContext, { subject, label, durations }: Sent): void {
  const [p50, p99] = durations.percentiles(0.5, 0.99);
  const figures: readonly [string, Unit, number][] = [
    ['rate', '/s', rateOf(durations, options.durationMs)],
    ['p50', 'ms', p50],
    ['p99', 'ms', p99],
  ];
  for (const [name, unit, value] of figures) {
    report.add({ scenario: SCENARIO, name: `${label}, ${name}`, unit, subject, value });
  }
}

function rateOf({ count }: Durations, durationMs: number): number {
  return count / (durationMs / 1000);
}

/** How many requests the bench itself can drive, against answers that cost nearly nothing. */
async function measureCeiling({ options, progress, report }: BenchContext, floor: Subject): Promise<void> {
  progress.begin('The ceiling of the bench itself');
  const senders = floorSenders(floor).map((sender) => ({
    ...sender,
    request: (index: number) => ({ ...sender.request(index), path: EMPTY_PATH }),
  }));
  const durations = new Durations();
  await driveSenders(senders, { ...options, begin: () => () => undefined, durations });
  closeSenders(senders);
  const name = `${MOST_SENDERS} senders, ceiling of the bench`;
  report.add({ scenario: SCENARIO, name, unit: '/s', subject: floor, value: rateOf(durations, options.durationMs) });
}

function floorSenders({ url }: Subject): Sender[] {
  return Array.from({ length: MOST_SENDERS }, (_, sender) => ({
    connection: new HttpConnection(url),
    request: (index) => ({ method: 'POST', path: '/send', body: messageText(sender, index) }),
  }));
}

async function matrixSenders({ options, progress }: BenchContext, homeserver: Homeserver): Promise<Sender[]> {
  const users = await homeserver.registerUsers(MOST_SENDERS);
  const { name } = homeserver.subject;
  const rooms: string[] = [];
  progress.begin(`${name}: making rooms`);
  await inParallel(Math.min(options.rooms, MOST_SENDERS), 1, async (room) => {
    rooms[room] = (await users[room]?.createRoom()) ?? '';
  });
  const bar = progress.begin(`${name}: joining rooms`, users.length);
  await inParallel(users.length, MAX_JOINING, async (index) => {
    if (index >= rooms.length) await users[index]?.join(rooms[index % rooms.length] ?? '');
    bar.advance();
  });
  return users.map(({ connection }, sender) => {
    const roomId = rooms[sender % rooms.length] ?? '';
    // Sender and number: senders are one user and one device each, so this never repeats.
    let sent = 0;
    return {
      connection,
      request: (index) => ({
        method: 'PUT',
        path: sendPath(roomId, `send-${sent++}`),
        body: messageText(sender, index),
      }),
    };
  });
}

function messageText(sender: number, index: number): string {
  return `{"msgtype":"m.text","body":"${TEXT} ${sender}-${index}"}`;
}
