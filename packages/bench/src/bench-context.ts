import { TargetFault } from './faults.ts';
import type { Homeserver } from './matrix/homeserver.ts';
import type { Options } from './options.ts';
import type { MeasuredIntervals } from './profile/measured-intervals.ts';
import type { Progress } from './report/progress.ts';
import type { Report } from './report/report.ts';
import type { ScenarioName } from './scenarios/scenario-name.ts';
import type { Federation } from './targets/start-federation.ts';
import type { Subject } from './targets/subject.ts';

/** What a scenario works with. */
export interface BenchContext {
  readonly options: Options;
  /** In the order of their columns. */
  readonly subjects: readonly Subject[];
  /** Those of them that are homeservers. */
  readonly homeservers: readonly Homeserver[];
  readonly report: Report;
  readonly progress: Progress;
  readonly intervals: MeasuredIntervals;
  /** Starts so many of this repository's servers that know each other; whoever asks for them ends them. */
  readonly startFederation: (count: number) => Promise<Federation>;
}

export interface Attempt {
  readonly scenario: ScenarioName;
  readonly subject: Subject;
}

/** Does the work; a target that breaks is told under the table, and the others go on. Gives whether it worked. */
export async function attempt(
  { report }: BenchContext,
  { scenario, subject }: Attempt,
  work: () => Promise<void>,
): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof TargetFault)) throw error;
    report.remark({ scenario, subject: subject.name, text: error.message, isFailure: true });
    return false;
  }
}
