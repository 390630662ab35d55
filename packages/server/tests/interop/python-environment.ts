import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_NO_START, EXIT_NO_SYNAPSE, InteropFault } from './interop-fault.ts';
import { runTool } from './run-tool.ts';

/** A Python environment with Synapse in it. */
export interface SynapseInstallation {
  readonly python: string;
  readonly version: string;
}

/** Installing takes a minute or two; an index that hangs for so long is as good as none. */
const MAX_INSTALL_MS = 10 * 60_000;

/** What pip says when the index cannot be reached, or does not have the package. */
const NO_INDEX = new RegExp(
  [
    'No matching distribution|Could not find a version|Failed to establish|ConnectionError|Connection refused',
    'timed out|ProxyError|Temporary failure|Network is unreachable|SSLError',
  ].join('|'),
  'i',
);

/** Makes the environment where there is none, and brings Synapse up to the newest version. Throws InteropFault. */
export async function installSynapse(directory: string, signal: AbortSignal): Promise<SynapseInstallation> {
  const environment = join(directory, 'venv');
  const python = join(environment, 'bin', 'python');
  if (!existsSync(python)) {
    const made = await runTool('python3', ['-m', 'venv', environment], { timeoutMs: MAX_INSTALL_MS, signal });
    if (made.status !== 0) {
      throw new InteropFault(
        `No Python environment can be made, and Synapse needs one (python3 with venv): ${lastLine(made.output)}`,
        EXIT_NO_SYNAPSE,
      );
    }
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1', '--timeout', '30'];
  const installed = await runTool(python, [...pip, '--upgrade', 'matrix-synapse'], {
    timeoutMs: MAX_INSTALL_MS,
    signal,
  });
  if (installed.status !== 0) {
    const isUnreachable = installed.status === undefined || NO_INDEX.test(installed.output);
    const fault = isUnreachable
      ? 'The Python package index cannot be reached, so there is no Synapse to test with'
      : 'Synapse could not be installed';
    const exitStatus = isUnreachable ? EXIT_NO_SYNAPSE : EXIT_NO_START;
    throw new InteropFault(`${fault}: ${lastLine(installed.output)}`, exitStatus);
  }
  const asked = 'import importlib.metadata; print(importlib.metadata.version("matrix-synapse"))';
  const { output } = await runTool(python, ['-c', asked], { timeoutMs: 60_000, signal });
  return { python, version: lastLine(output) };
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}
