import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Child, startChild } from './start-child.ts';

/** Started as any other program is: the bench knows its command line, and nothing of its code. */
const PROGRAM = resolve(import.meta.dirname, '../../../server/bin/limpet.js');

export interface LimpetPlace {
  /** Takes its configuration and its data. */
  readonly directory: string;
  /** Where the CPU profiles of its threads go, if wanted. */
  readonly profileDirectory: string | undefined;
  readonly resources: AsyncDisposableStack;
}

export interface LimpetOptions {
  /** Goes over the configuration below. */
  readonly configuration?: object;
}

/** Starts this repository's server on a free port, with open registration and without rate limits. */
export function startLimpet(
  { directory, profileDirectory, resources }: LimpetPlace,
  { configuration = {} }: LimpetOptions = {},
): Promise<Child> {
  const configPath = join(directory, 'limpet.yaml');
  writeFileSync(configPath, JSON.stringify({ ...usualConfiguration(directory), ...configuration }));
  const profiling = profileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  return startChild({
    name: 'Limpet',
    args: [...profiling, PROGRAM, 'serve', '--config', configPath],
    directory,
    resources,
  });
}

/** JSON is YAML, and needs no quoting rules of its own. */
function usualConfiguration(directory: string): object {
  return {
    server_name: 'bench.example',
    listeners: [{ port: 0, serves: ['client'] }],
    database: { sqlite: { path: join(directory, 'limpet.db') } },
    data_path: directory,
    registration: { mode: 'open' },
    rate_limits: { enabled: false },
    log: { level: 'warn' },
  };
}
