import { readFileSync } from 'node:fs';

/** Of `/proc/PID/stat`, fixed on Linux whatever the kernel's own clock. */
const TICKS_PER_SECOND = 100;
/** Fields behind the name of the program, which may hold blanks: user and system time of all threads. */
const USER_FIELD = 11;
const SYSTEM_FIELD = 12;

/** What a process has used of processors so far; `undefined` where the system does not tell. */
export function processorTimeMs(processId: number): number | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${processId}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) * 1000) / TICKS_PER_SECOND;
}
