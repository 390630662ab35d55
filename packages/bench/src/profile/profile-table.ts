import type { ScenarioName } from '../scenarios/scenario-name.ts';
import { readBusiestFunctions, type ThreadTimes } from './busiest-functions.ts';
import type { Interval } from './measured-intervals.ts';

const SHOWN_FUNCTIONS = 15;

/** What V8 gives for a thread that waits, or does what no function does. */
const NOT_FUNCTIONS: readonly string[] = ['(idle)', '(program)', '(root)'];

/** For each scenario and thread the functions with the most self time while it was measured. */
export function profileTable(directory: string, intervals: readonly Interval[]): string {
  const scenarios = [...new Set(intervals.map(({ scenario }) => scenario))];
  return scenarios
    .flatMap((scenario) => {
      const own = intervals.filter((interval) => interval.scenario === scenario);
      return readBusiestFunctions(directory, own).map((thread) => threadTable(scenario, thread));
    })
    .join('\n');
}

function threadTable(scenario: ScenarioName, { file, functions }: ThreadTimes): string {
  const totalMs = functions.reduce((sum, { selfMs }) => sum + selfMs, 0);
  const percent = (ms: number) => `${((100 * ms) / totalMs).toFixed(1).padStart(5)} %`;
  const rest = functions.filter(({ place }) => NOT_FUNCTIONS.includes(place));
  const lines = [
    `${scenario}, ${file}: ${Math.round(totalMs)} ms`,
    ...rest.map(({ place, selfMs }) => `  ${percent(selfMs)}  ${place}`),
    ...functions
      .filter(({ place }) => !NOT_FUNCTIONS.includes(place))
      .slice(0, SHOWN_FUNCTIONS)
      .map(({ place, selfMs }) => `  ${percent(selfMs)}  ${place}`),
  ];
  return `${lines.join('\n')}\n`;
}
