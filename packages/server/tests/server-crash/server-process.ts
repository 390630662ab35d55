import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** `limpet serve` as an operator starts it. */
export interface ServerProcess {
  readonly url: string;
  /** Ends it as a power cut does, as far as a process can. */
  kill(): Promise<void>;
}

/** Starts a server with `limpet.yaml` of this directory, and waits until it serves. */
export async function startServerProcess(directory: string): Promise<ServerProcess> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', 'limpet.yaml'], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const url = await urlOf(child);
  return {
    url,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    function take(chunk: Buffer): void {
      output += chunk.toString();
      const url = /on (http:\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve(url);
    }
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.once('exit', (status) => reject(new Error(`The server ended with ${status}: ${output}`)));
  });
}
