import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { UsageFault } from '../faults.ts';

/** A child that does not say its address by then never will. */
const MAX_START_MS = 30_000;
/** From the signal to the end; then the child is killed. */
const MAX_STOP_MS = 10_000;
/** Last lines of its output, to explain why it ended. */
const MAX_KEPT_LINES = 20;

const ADDRESS = /(http:\/\/127\.0\.0\.1:\d+)/;

export interface Child {
  readonly url: URL;
  readonly processId: number;
  stop(): Promise<void>;
  /** Ends it as a power cut does, as far as a process can. */
  kill(): Promise<void>;
}

export interface ChildToStart {
  readonly name: string;
  /** Arguments of Node. */
  readonly args: readonly string[];
  readonly directory: string;
  /** Ends the child, also when the bench is interrupted while it waits for it. */
  readonly resources: AsyncDisposableStack;
}

/**
 * Starts a program on this runtime, and waits until it prints the address that it listens on. Throws UsageFault with
 * the end of its output.
 */
export async function startChild({ name, args, directory, resources }: ChildToStart): Promise<Child> {
  // A group of its own: the bench passes signals on when it has put down what it holds.
  const child = spawn(process.execPath, args, { cwd: directory, stdio: 'pipe', detached: true });
  let isStopping = false;
  const stop = (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    isStopping = true;
    return stopChild(child, signal);
  };
  resources.defer(() => stop());
  const output: string[] = [];
  const url = await new Promise<URL>((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), MAX_START_MS);
    keepLines(child, output, (line) => {
      const address = ADDRESS.exec(line)?.[1];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(new URL(address));
    });
    child.once('error', reject);
    child.once('close', () => {
      clearTimeout(timer);
      reject(new UsageFault(`${name} did not start: ${reasonIn(output)}`));
    });
  });
  // Its clients only see a closed connection; what it said last is the reason.
  child.once('close', () => {
    if (!isStopping) process.stderr.write(`\n${name} ended by itself: ${output.join('\n')}\n`);
  });
  return { url, processId: child.pid ?? 0, stop: () => stop(), kill: () => stop('SIGKILL') };
}

/** The line of an error, if there is one; what follows it is mostly a stack. */
function reasonIn(output: readonly string[]): string {
  return output.find((line) => /^(\w*Error\b|\w+: )/.test(line)) ?? output.at(-1) ?? 'it said nothing';
}

function keepLines(child: ChildProcess, output: string[], use: (line: string) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      output.push(line);
      if (output.length > MAX_KEPT_LINES) output.shift();
      use(line);
    });
  }
}

async function stopChild(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS);
  await closed;
  clearTimeout(timer);
}
