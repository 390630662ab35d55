import type { ScenarioName } from '../scenarios/scenario-name.ts';
import type { Subject } from '../targets/subject.ts';

/** On the monotonic clock of the machine, in microseconds: that of CPU profiles, in whatever process they are taken. */
export interface Interval {
  readonly scenario: ScenarioName;
  readonly subject: Subject;
  readonly beginUs: number;
  readonly endUs: number;
}

/** When a subject was measured, set-up and warm-up left out: which samples of a profile count. */
export class MeasuredIntervals {
  readonly all: Interval[] = [];

  /** Gives a function that ends the interval. */
  begin(scenario: ScenarioName, subject: Subject): () => void {
    const beginUs = nowUs();
    return () => this.all.push({ scenario, subject, beginUs, endUs: nowUs() });
  }
}

function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
