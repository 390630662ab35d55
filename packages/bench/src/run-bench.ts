import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { BenchContext } from './bench-context.ts';
import { UsageFault } from './faults.ts';
import { Homeserver } from './matrix/homeserver.ts';
import type { Options } from './options.ts';
import { MeasuredIntervals } from './profile/measured-intervals.ts';
import { profileTable } from './profile/profile-table.ts';
import { FLOOR_NAME, OWN_SERVER_NAME } from './read-options.ts';
import { jsonReport } from './report/json-report.ts';
import type { Progress } from './report/progress.ts';
import { Report } from './report/report.ts';
import { tableOf } from './report/table.ts';
import { measureCall } from './scenarios/call.ts';
import { measureDelayed } from './scenarios/delayed.ts';
import { measureFederationCatchUp } from './scenarios/federation-catch-up.ts';
import { measureFederationJoin } from './scenarios/federation-join.ts';
import { measureFederationSend } from './scenarios/federation-send.ts';
import { measureInitialSync } from './scenarios/initial-sync.ts';
import { measureMemoryAfterLoad, measureMemoryAtRest } from './scenarios/memory.ts';
import type { ScenarioName } from './scenarios/scenario-name.ts';
import { measureSend } from './scenarios/send.ts';
import { measureSliding } from './scenarios/sliding.ts';
import { measureStickyPage } from './scenarios/sticky-page.ts';
import { measureSyncFanout } from './scenarios/sync-fanout.ts';
import type { Child } from './targets/start-child.ts';
import { startFederation as startServersOfFederation } from './targets/start-federation.ts';
import { startFloor } from './targets/start-floor.ts';
import { startLimpet } from './targets/start-limpet.ts';
import type { Subject } from './targets/subject.ts';

/** Type of a file system in memory, where an fsync costs nothing. */
const TMPFS_TYPE = 0x01021994;

const SCENARIOS: Readonly<Record<ScenarioName, (context: BenchContext) => Promise<void>>> = {
  send: measureSend,
  'sync-fanout': measureSyncFanout,
  'sticky-page': measureStickyPage,
  sliding: measureSliding,
  'initial-sync': measureInitialSync,
  call: measureCall,
  delayed: measureDelayed,
  'federation-send': measureFederationSend,
  'federation-catch-up': measureFederationCatchUp,
  'federation-join': measureFederationJoin,
  memory: measureMemoryAfterLoad,
};

export interface BenchRun {
  readonly options: Options;
  readonly progress: Progress;
  /** The table goes there. */
  readonly print: (text: string) => void;
  /** What was started; `main.ts` ends it, also when the run is interrupted. */
  readonly resources: AsyncDisposableStack;
}

/** Measures what the options ask for, and prints the table. Gives whether all was measured. Throws UsageFault. */
export async function runBench({ options, progress, print, resources }: BenchRun): Promise<boolean> {
  const profileDirectory = options.profileDirectory === undefined ? undefined : resolve(options.profileDirectory);
  if (profileDirectory !== undefined) mkdirSync(profileDirectory, { recursive: true });
  const report = new Report();
  const intervals = new MeasuredIntervals();
  const { subjects, children } = await openSubjects({ options, progress, resources, profileDirectory });
  const homeservers = await openHomeservers(subjects, options, progress);
  const startFederation = (count: number) =>
    startServersOfFederation({ count, directory: temporaryDirectory(options, resources), resources, progress });
  const context: BenchContext = { options, subjects, homeservers, report, progress, intervals, startFederation };

  if (options.scenarios.includes('memory')) await measureMemoryAtRest(context);
  for (const name of options.scenarios) await SCENARIOS[name](context);

  progress.begin('Stopping what was started');
  for (const child of children) await child.stop();
  progress.end();
  print(`${tableOf(report, subjects)}\n`);
  if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, jsonReport(report, subjects, options));
  if (profileDirectory !== undefined) {
    const own = intervals.all.filter(({ subject }) => subject.name === OWN_SERVER_NAME);
    print(`\n${profileTable(profileDirectory, own)}`);
  }
  return !report.hasFailures;
}

type Opening = Pick<BenchRun, 'options' | 'progress' | 'resources'> & { readonly profileDirectory: string | undefined };

async function openSubjects({ options, progress, resources, profileDirectory }: Opening) {
  const subjects: Subject[] = [];
  const children: Child[] = [];
  const add = (name: string, kind: Subject['kind'], child: Child) => {
    children.push(child);
    subjects.push({ name, kind, url: child.url, processId: child.processId });
  };
  if (options.floor) {
    progress.begin('Starting the floor program');
    add(FLOOR_NAME, 'floor', await startFloor(temporaryDirectory(options, resources), resources));
  }
  if (options.start) {
    progress.begin('Starting Limpet');
    const directory = temporaryDirectory(options, resources);
    add(OWN_SERVER_NAME, 'homeserver', await startLimpet({ directory, profileDirectory, resources }));
  }
  for (const { name, url } of options.targets) {
    subjects.push({ name, kind: 'homeserver', url, processId: options.processId });
  }
  return { subjects, children };
}

function temporaryDirectory({ dataDirectory }: Options, resources: AsyncDisposableStack): string {
  let directory: string;
  try {
    mkdirSync(dataDirectory, { recursive: true });
    directory = mkdtempSync(join(resolve(dataDirectory), 'limpet-bench-'));
  } catch (error) {
    throw new UsageFault(`The data directory ${dataDirectory} cannot be written: ${(error as Error).message}`);
  }
  resources.defer(() => rmSync(directory, { recursive: true, force: true }));
  if (statfsSync(directory).type === TMPFS_TYPE) {
    throw new UsageFault(`${dataDirectory} lies in memory, where fsync costs nothing; give --data-dir on a disk`);
  }
  return directory;
}

async function openHomeservers(
  subjects: readonly Subject[],
  { registrationToken }: Options,
  progress: Progress,
): Promise<Homeserver[]> {
  const runId = randomBytes(4).toString('hex');
  const homeservers: Homeserver[] = [];
  for (const subject of subjects.filter(({ kind }) => kind === 'homeserver')) {
    progress.begin(`Asking ${subject.name} for its versions`);
    homeservers.push(await Homeserver.open(subject, { runId, registrationToken, progress }));
  }
  return homeservers;
}
