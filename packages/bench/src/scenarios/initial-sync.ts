import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { readJson, refusal } from '../matrix/call.ts';
import type { Homeserver } from '../matrix/homeserver.ts';
import { Durations } from '../report/durations.ts';
import { prepareManyRooms } from './many-rooms.ts';

const SCENARIO = 'initial-sync';
const WARM_UP_REQUESTS = 3;
/** Each answer is megabytes. */
const REQUESTS = 30;

/** As web clients ask. */
const FILTER = {
  presence: { not_types: ['*'] },
  room: { timeline: { limit: 20 }, state: { lazy_load_members: true } },
};

/** Time of an initial `/sync` of a user in a thousand rooms. */
export async function measureInitialSync(context: BenchContext): Promise<void> {
  for (const homeserver of context.homeservers) {
    const { subject } = homeserver;
    await attempt(context, { scenario: SCENARIO, subject }, () => measure(context, homeserver));
  }
}

async function measure(context: BenchContext, homeserver: Homeserver): Promise<void> {
  const { progress, report, intervals } = context;
  const { subject } = homeserver;
  const rooms = await prepareManyRooms(context, homeserver);
  try {
    const filterId = await rooms.reader.createFilter(FILTER);
    const durations = new Durations();
    const bar = progress.begin(`${subject.name}: initial syncs`, WARM_UP_REQUESTS + REQUESTS);
    let end: (() => void) | undefined;
    for (let request = 0; request < WARM_UP_REQUESTS + REQUESTS; request++) {
      if (request === WARM_UP_REQUESTS) end = intervals.begin(SCENARIO, subject);
      const begunMs = performance.now();
      const response = await rooms.reader.sync({ filterId, timeoutMs: 0 });
      const durationMs = performance.now() - begunMs;
      if (request >= WARM_UP_REQUESTS) durations.add(durationMs);
      if (response.status !== 200) throw refusal({ method: 'GET', path: '/_matrix/client/v3/sync' }, response);
      if (request === 0) checkRooms(readJson(response), rooms.roomIds.length);
      bar.advance();
    }
    end?.();
    const [p50, p99] = durations.percentiles(0.5, 0.99);
    const label = `${rooms.roomIds.length.toLocaleString('en')} rooms`;
    report.add({ scenario: SCENARIO, name: `${label}, p50`, unit: 'ms', subject, value: p50 });
    report.add({ scenario: SCENARIO, name: `${label}, p99`, unit: 'ms', subject, value: p99 });
  } finally {
    rooms.close();
  }
}

function checkRooms(answer: { readonly rooms?: { readonly join?: object } }, expected: number): void {
  const found = Object.keys(answer.rooms?.join ?? {}).length;
  if (found !== expected) throw new TargetFault(`An initial /sync brought ${found} rooms of ${expected}`);
}
