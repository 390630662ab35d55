import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Interval } from './measured-intervals.ts';

/** What V8 writes to a `.cpuprofile`; times in microseconds of the machine's monotonic clock. */
export interface CpuProfile {
  readonly startTime: number;
  readonly timeDeltas: readonly number[];
  readonly samples: readonly number[];
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
}

export interface BusyFunction {
  /** Name, file and line. */
  readonly place: string;
  readonly selfMs: number;
}

/** One thread of the profiled process. */
export interface ThreadTimes {
  readonly file: string;
  readonly functions: readonly BusyFunction[];
}

/** For each profile of the directory the functions with the most self time within the intervals, busiest first. */
export function readBusiestFunctions(directory: string, intervals: readonly Interval[]): ThreadTimes[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.cpuprofile'))
    .sort()
    .map((file) => {
      const profile = JSON.parse(readFileSync(join(directory, file), 'utf8')) as CpuProfile;
      return { file, functions: busiestFunctions(profile, intervals) };
    });
}

export function busiestFunctions(
  { startTime, timeDeltas, samples, nodes }: CpuProfile,
  intervals: readonly Pick<Interval, 'beginUs' | 'endUs'>[],
): BusyFunction[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const selfUs = new Map<string, number>();
  let atUs = startTime;
  samples.forEach((node, index) => {
    atUs += timeDeltas[index] ?? 0;
    if (!intervals.some(({ beginUs, endUs }) => beginUs <= atUs && atUs < endUs)) return;
    // A sample stands for the time until the next one.
    const place = places.get(node) ?? '?';
    selfUs.set(place, (selfUs.get(place) ?? 0) + Math.max(0, timeDeltas[index + 1] ?? 0));
  });
  return [...selfUs]
    .map(([place, us]) => ({ place, selfMs: us / 1000 }))
    .sort((left, right) => right.selfMs - left.selfMs);
}

function placeOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.replace(/^file:\/\//, '').replace(/^.*\/(packages|node_modules)\//, '$1/');
  return `${name} ${file}:${lineNumber + 1}`;
}
