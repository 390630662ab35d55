import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT_NO_START, InteropFault } from './interop-fault.ts';

/** Where a homeserver of a story is. It keeps its names and ports when it is stopped and started again. */
export interface ServerPlace {
  /** For people: `Limpet`, `Synapse`. */
  readonly label: string;
  /** Of user IDs. It is the address of its federation listener, so nothing has to be discovered. */
  readonly serverName: string;
  /** Of its client API. */
  readonly clientUrl: string;
  readonly registrationSecret: string;
  /** Its data, its configuration, and what it prints. */
  readonly directory: string;
  readonly logPath: string;
}

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** Synapse loads for a few seconds, and the machine may be busy. */
const MAX_START_MS = 60_000;
/** From SIGTERM on; then it is killed. */
const MAX_STOP_MS = 15_000;
const POLL_MS = 100;

/** A homeserver as a process, that stories can stop and start. */
export class InteropServer {
  readonly place: ServerPlace;
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;

  constructor(place: ServerPlace, command: ServerCommand) {
    this.place = place;
    this.#command = command;
  }

  get label(): string {
    return this.place.label;
  }

  get serverName(): string {
    return this.place.serverName;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Starts it, and waits until its client API answers. Throws InteropFault with what it printed last. */
  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const log = createWriteStream(this.place.logPath, { flags: 'a' });
    const { command, args } = this.#command;
    // A group of its own, so that Control-C in a terminal reaches it through us alone.
    const child = spawn(command, args, {
      cwd: this.place.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    this.#child = child;
    let last = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        last = `${last}${chunk}`.slice(-2_000);
        log.write(chunk);
      });
    }
    let hasEnded = false;
    child.once('error', (error) => {
      last += error.message;
      hasEnded = true;
    });
    child.once('close', () => {
      hasEnded = true;
      log.end();
    });
    const deadline = performance.now() + MAX_START_MS;
    while (!(await this.#answers())) {
      if (hasEnded || performance.now() > deadline) {
        throw new InteropFault(`${this.label} did not start (${this.place.logPath}):\n${last}`, EXIT_NO_START);
      }
      await sleep(POLL_MS);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS);
    await closed;
    clearTimeout(timer);
  }

  async #answers(): Promise<boolean> {
    try {
      const response = await fetch(`${this.place.clientUrl}/_matrix/client/versions`, {
        signal: AbortSignal.timeout(2_000),
      });
      await response.arrayBuffer();
      return response.ok;
    } catch {
      // Not there yet; the caller gives up in time.
      return false;
    }
  }
}
