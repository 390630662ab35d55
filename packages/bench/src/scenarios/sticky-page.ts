import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import type { HttpResponse } from '../http/response-reader.ts';
import { inParallel } from '../in-parallel.ts';
import { readJson, refusal } from '../matrix/call.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import type { MatrixUser } from '../matrix/matrix-user.ts';
import { Durations } from '../report/durations.ts';

const SCENARIO = 'sticky-page';
/** The other room: a page out of so few should take as long as one out of many. */
const FEW_EVENTS = 1_000;
/** Who fill the rooms, each with a connection. */
const FILLER_COUNT = 32;
const WARM_UP_REQUESTS = 20;
/** What the proposal lets a response hold. */
const PAGE_LENGTH = 100;
/** The longest there is: nothing expires while the rest is sent. */
const STICKY_MS = 3_600_000;

const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 10 }, state: { lazy_load_members: true } },
};

/** Time of an initial `/sync` whose room has a hundred thousand unexpired sticky events, and of one with a thousand. */
export async function measureStickyPage(context: BenchContext): Promise<void> {
  for (const homeserver of context.homeservers) {
    const { subject, hasStickyEvents } = homeserver;
    if (!hasStickyEvents) {
      const text = 'not measured: it has no sticky events (org.matrix.msc4354)';
      context.report.remark({ scenario: SCENARIO, subject: subject.name, text, isFailure: false });
      continue;
    }
    await attempt(context, { scenario: SCENARIO, subject }, () => measureBoth(context, homeserver));
  }
}

async function measureBoth(context: BenchContext, homeserver: Homeserver): Promise<void> {
  const { stickyEvents } = context.options;
  const fillers = await homeserver.registerUsers(FILLER_COUNT);
  try {
    if (stickyEvents > FEW_EVENTS) await measure(context, { homeserver, fillers, eventCount: FEW_EVENTS });
    await measure(context, { homeserver, fillers, eventCount: stickyEvents });
  } finally {
    for (const filler of fillers) filler.close();
  }
}

interface PageRun {
  readonly homeserver: Homeserver;
  readonly fillers: readonly MatrixUser[];
  readonly eventCount: number;
}

async function measure(context: BenchContext, run: PageRun): Promise<void> {
  const { options, progress, report, intervals } = context;
  const { homeserver, eventCount } = run;
  const { subject } = homeserver;
  const [reader] = await homeserver.registerUsers(1);
  if (reader === undefined) throw new Error('No user was registered');
  const roomId = await reader.createRoom();
  await fill(context, run, roomId);
  const filterId = await reader.createFilter(FILTER);
  const durations = new Durations();
  const bar = progress.begin(`${subject.name}: first pages of ${eventCount}`, WARM_UP_REQUESTS + options.requests);
  let end: (() => void) | undefined;
  for (let request = 0; request < WARM_UP_REQUESTS + options.requests; request++) {
    if (request === WARM_UP_REQUESTS) end = intervals.begin(SCENARIO, subject);
    const begunMs = performance.now();
    const response = await reader.sync({ filterId, timeoutMs: 0 });
    const durationMs = performance.now() - begunMs;
    if (request >= WARM_UP_REQUESTS) durations.add(durationMs);
    if (request === 0) checkPage(context, run, pageLength(response, roomId));
    else if (response.status !== 200) throw refusal(SYNC, response);
    bar.advance();
  }
  end?.();
  reader.close();
  const [p50, p99] = durations.percentiles(0.5, 0.99);
  const label = `first page of ${eventCount.toLocaleString('en')}`;
  report.add({ scenario: SCENARIO, name: `${label}, p50`, unit: 'ms', subject, value: p50 });
  report.add({ scenario: SCENARIO, name: `${label}, p99`, unit: 'ms', subject, value: p99 });
}

async function fill({ progress }: BenchContext, { homeserver, fillers, eventCount }: PageRun, roomId: string) {
  const { name } = homeserver.subject;
  for (const filler of fillers) await filler.join(roomId);
  const bar = progress.begin(`${name}: sending sticky events`, eventCount);
  await inParallel(eventCount, fillers.length, async (index, line) => {
    const content = { msgtype: 'm.text', body: `Sticky event ${index}`, msc4354_sticky_key: `key-${index}` };
    const sending = { transactionId: `sticky-${eventCount}-${index}`, stickyMs: STICKY_MS };
    await fillers[line]?.sendMessage(roomId, content, sending);
    bar.advance();
  });
}

const SYNC = { method: 'GET', path: '/_matrix/client/v3/sync' } as const;

interface SyncAnswer {
  readonly rooms?: {
    readonly join?: Readonly<Record<string, Readonly<Record<string, { readonly events?: readonly unknown[] }>>>>;
  };
}

/** How many events the sticky section holds, under whichever of its names. */
function pageLength(response: HttpResponse, roomId: string): number {
  if (response.status !== 200) throw refusal(SYNC, response);
  const room = (readJson(response) as SyncAnswer).rooms?.join?.[roomId];
  const section = room?.msc4354_sticky ?? room?.sticky;
  return section?.events?.length ?? 0;
}

function checkPage({ report }: BenchContext, { homeserver, eventCount }: PageRun, length: number): void {
  const { name } = homeserver.subject;
  if (length === 0) throw new TargetFault('An initial /sync brought no sticky event');
  if (length === Math.min(PAGE_LENGTH, eventCount)) return;
  const text = `the first page out of ${eventCount} holds ${length} sticky events, not ${PAGE_LENGTH}`;
  report.remark({ scenario: SCENARIO, subject: name, text, isFailure: false });
}
