import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { attempt, type BenchContext } from '../bench-context.ts';
import { TargetFault } from '../faults.ts';
import { Durations } from '../report/durations.ts';
import { driveSenders } from './drive-senders.ts';
import { closeSenders, prepareSenders } from './send.ts';

const SCENARIO = 'memory';
/** After start, and after load, until a process has put its things in order. */
const SETTLE_MS = 2_000;

const KIB = 1024;
const MB = 1_000_000;

/** Resident memory before anything was asked of the subjects. */
export async function measureMemoryAtRest(context: BenchContext): Promise<void> {
  for (const { name } of context.subjects.filter(({ processId }) => processId === undefined)) {
    const text = 'not measured: give its process by --pid';
    context.report.remark({ scenario: SCENARIO, subject: name, text, isFailure: false });
  }
  await addMemory(context, [['resident at rest', 'VmRSS']]);
}

/** The same after the other scenarios; without any, a load of senders stands in for them. */
export async function measureMemoryAfterLoad(context: BenchContext): Promise<void> {
  if (context.options.scenarios.length === 1) await load(context);
  await addMemory(context, [
    ['resident after load', 'VmRSS'],
    ['resident at most', 'VmHWM'],
  ]);
}

async function load(context: BenchContext): Promise<void> {
  for (const [subject, senders] of await prepareSenders(context, SCENARIO)) {
    context.progress.begin(`${subject.name}: load of ${senders.length} senders`);
    await attempt(context, { scenario: SCENARIO, subject }, async () => {
      await driveSenders(senders, {
        ...context.options,
        begin: () => () => undefined,
        durations: new Durations(),
      });
    });
    closeSenders(senders);
  }
}

/** Of `/proc/PID/status`. */
type MemoryField = 'VmRSS' | 'VmHWM';

async function addMemory(context: BenchContext, fields: readonly (readonly [string, MemoryField])[]): Promise<void> {
  context.progress.begin('Reading memory');
  await pause(SETTLE_MS);
  for (const subject of context.subjects) {
    const { processId } = subject;
    if (processId === undefined) continue;
    await attempt(context, { scenario: SCENARIO, subject }, async () => {
      const status = readStatus(processId);
      for (const [name, field] of fields) {
        context.report.add({ scenario: SCENARIO, name, unit: 'MB', subject, value: memoryMb(status, field) });
      }
    });
  }
}

function readStatus(processId: number): string {
  try {
    return readFileSync(`/proc/${processId}/status`, 'utf8');
  } catch {
    throw new TargetFault(`There is no /proc/${processId}: the process has ended, or this system has no /proc`);
  }
}

function memoryMb(status: string, field: MemoryField): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1];
  if (kib === undefined) throw new TargetFault(`Its /proc status has no ${field}`);
  return (Number(kib) * KIB) / MB;
}
