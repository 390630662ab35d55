import { spawn } from 'node:child_process';

export interface ToolResult {
  /** `undefined` when it took too long, was interrupted, or is not on this machine. */
  readonly status: number | undefined;
  /** Both streams, as they came. */
  readonly output: string;
}

/** Runs a program to its end. Never throws for what the program does. */
export function runTool(
  command: string,
  args: readonly string[],
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', (error) => resolve({ status: undefined, output: `${output}\n${error.message}` }));
    child.once('close', (status) => resolve({ status: status ?? undefined, output }));
  });
}
