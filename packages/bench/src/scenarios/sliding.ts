import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import type { HttpResponse } from '../http/response-reader.ts';
import { readJson, refusal, textOf } from '../matrix/call.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import { SLIDING_SYNC_PATH } from '../matrix/matrix-user.ts';
import { Durations } from '../report/durations.ts';
import { type ManyRooms, prepareManyRooms } from './many-rooms.ts';

const SCENARIO = 'sliding';
const WARM_UP_REQUESTS = 20;
const WINDOW = 20;

/** As the room list of a mobile client asks. */
const REQUEST = {
  conn_id: 'room-list',
  lists: {
    all_rooms: {
      ranges: [[0, WINDOW - 1]],
      timeline_limit: 1,
      required_state: [
        ['m.room.name', ''],
        ['m.room.encryption', ''],
        ['m.room.member', '$LAZY'],
        ['m.room.member', '$ME'],
        ['m.room.topic', ''],
        ['m.room.canonical_alias', ''],
        ['m.room.power_levels', ''],
        ['m.room.create', ''],
      ],
    },
  },
  extensions: {
    to_device: { enabled: true },
    e2ee: { enabled: true },
    account_data: { enabled: true },
    receipts: { enabled: true },
    typing: { enabled: true },
    'org.matrix.msc4354.sticky_events': { enabled: true },
  },
};

/** Time of the first window of a user in a thousand rooms, and of an answer after something was said in one of them. */
export async function measureSliding(context: BenchContext): Promise<void> {
  for (const homeserver of context.homeservers) {
    const { subject, hasSlidingSync } = homeserver;
    if (!hasSlidingSync) {
      const text = 'not measured: it has no sliding sync (org.matrix.simplified_msc3575)';
      context.report.remark({ scenario: SCENARIO, subject: subject.name, text, isFailure: false });
      continue;
    }
    await attempt(context, { scenario: SCENARIO, subject }, async () => {
      const rooms = await prepareManyRooms(context, homeserver);
      try {
        await measureFirstWindow(context, homeserver, rooms);
        await measureIncremental(context, homeserver, rooms);
      } finally {
        rooms.close();
      }
    });
  }
}

async function measureFirstWindow(context: BenchContext, { subject }: Homeserver, rooms: ManyRooms): Promise<void> {
  const durations = await measureRequests(context, subject, 'first windows', async (request) => {
    const begunMs = performance.now();
    const response = await rooms.reader.slidingSync(REQUEST, { timeoutMs: 0 });
    const durationMs = performance.now() - begunMs;
    const answer = read(response);
    if (request === 0) checkRooms(answer, Math.min(WINDOW, rooms.roomIds.length));
    return durationMs;
  });
  addFigures(context, { subject, durations, label: `first window of ${rooms.roomIds.length.toLocaleString('en')}` });
}

async function measureIncremental(context: BenchContext, { subject }: Homeserver, rooms: ManyRooms): Promise<void> {
  let pos = textOf(read(await rooms.reader.slidingSync(REQUEST, { timeoutMs: 0 })), 'pos');
  const durations = await measureRequests(context, subject, 'incremental', async (request) => {
    await rooms.say(request * 7, `news-${request}`);
    const begunMs = performance.now();
    const response = await rooms.reader.slidingSync(REQUEST, { pos, timeoutMs: 0 });
    const durationMs = performance.now() - begunMs;
    const answer = read(response);
    checkRooms(answer, 1);
    pos = textOf(answer, 'pos');
    return durationMs;
  });
  addFigures(context, { subject, durations, label: 'one room has news' });
}

type Subject = Homeserver['subject'];

/** Asks `--requests` times, after some that do not count. */
async function measureRequests(
  { options, progress, intervals }: BenchContext,
  subject: Subject,
  title: string,
  ask: (request: number) => Promise<number>,
): Promise<Durations> {
  const durations = new Durations();
  const bar = progress.begin(`${subject.name}: ${title}`, WARM_UP_REQUESTS + options.requests);
  let end: (() => void) | undefined;
  for (let request = 0; request < WARM_UP_REQUESTS + options.requests; request++) {
    if (request === WARM_UP_REQUESTS) end = intervals.begin(SCENARIO, subject);
    const durationMs = await ask(request);
    if (request >= WARM_UP_REQUESTS) durations.add(durationMs);
    bar.advance();
  }
  end?.();
  return durations;
}

function addFigures(
  { report }: BenchContext,
  { subject, durations, label }: { subject: Subject; durations: Durations; label: string },
): void {
  const [p50, p99] = durations.percentiles(0.5, 0.99);
  report.add({ scenario: SCENARIO, name: `${label}, p50`, unit: 'ms', subject, value: p50 });
  report.add({ scenario: SCENARIO, name: `${label}, p99`, unit: 'ms', subject, value: p99 });
}

function read(response: HttpResponse) {
  if (response.status !== 200) throw refusal({ method: 'POST', path: SLIDING_SYNC_PATH }, response);
  return readJson(response);
}

function checkRooms(answer: { readonly rooms?: object }, expected: number): void {
  const found = Object.keys(answer.rooms ?? {}).length;
  if (found < expected) throw new TargetFault(`An answer of sliding sync brought ${found} rooms, not ${expected}`);
}
