import type { Platform } from '../../platform/platform.ts';
import type { Timer } from '../../platform/timers.ts';
import { selectServersWithStaleLists, selectStaleLists } from '../../storage/queries/remote-devices.ts';
import type { Storage } from '../../storage/storage.ts';
import { RemoteServerError } from '../remote-servers/remote-servers.ts';

/** Servers whose stale lists are asked for at once. */
const MAX_AT_ONCE = 5;
/** Servers that are in memory; the others come when these are done. */
const MAX_SERVERS = 10_000;
/** Lists that are read at once. */
const LISTS_PER_READ = 50;
/** A server is not asked sooner again, however often it says something. */
const MIN_PAUSE_MS = 2_000;
const FIRST_RETRY_MS = 10_000;
const MAX_RETRY_MS = 60 * 60 * 1000;

export interface DeviceListResyncParts {
  readonly storage: Storage;
  readonly platform: Platform;
  /** @throws RemoteServerError */
  readonly ask: (userId: string) => Promise<unknown>;
}

interface WaitingServer {
  dueMs: number;
  failures: number;
  isRunning: boolean;
  /** Something came while it ran. */
  isWoken: boolean;
}

/**
 * Asks again for stale device lists until there is none, one list of a server after the other, with growing pauses
 * where a server does not answer. What is stale stands in the database, so this goes on after a restart; there is one
 * timer, however many servers wait.
 */
export class DeviceListResync {
  readonly #parts: DeviceListResyncParts;
  readonly #servers = new Map<string, WaitingServer>();
  readonly #running = new Set<Promise<void>>();
  /** Servers in the database that are not in memory. */
  #isMore = false;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(parts: DeviceListResyncParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    await this.#load();
    this.#schedule();
  }

  /** The server has a list that became stale, or it said something, so that it is worth a try. */
  wake(serverName: string): void {
    const nowMs = this.#parts.platform.clock.monotonicMs();
    const server = this.#servers.get(serverName);
    if (server === undefined) this.#add(serverName, nowMs);
    else if (server.isRunning) server.isWoken = true;
    else server.dueMs = Math.min(server.dueMs, nowMs + MIN_PAUSE_MS);
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await Promise.all(this.#running);
  }

  async #load(): Promise<void> {
    const { storage, platform } = this.#parts;
    this.#isMore = false;
    for (const row of await storage.read(selectServersWithStaleLists, { limit: MAX_SERVERS + 1 })) {
      this.#add(row.server_name, platform.clock.monotonicMs());
    }
  }

  #add(serverName: string, dueMs: number): void {
    if (this.#servers.has(serverName)) return;
    if (this.#servers.size >= MAX_SERVERS) this.#isMore = true;
    else this.#servers.set(serverName, { dueMs, failures: 0, isRunning: false, isWoken: false });
  }

  /** Starts what is due, and sets the timer for what is due next. */
  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isStopped) return;
    const { clock, timers } = this.#parts.platform;
    const nowMs = clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [serverName, server] of this.#servers) {
      if (this.#running.size >= MAX_AT_ONCE) return;
      if (server.isRunning) continue;
      if (server.dueMs <= nowMs) this.#run(serverName, server);
      else nextMs = Math.min(nextMs, server.dueMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#timer = timers.after(nextMs - nowMs, () => this.#schedule());
  }

  #run(serverName: string, server: WaitingServer): void {
    server.isRunning = true;
    const run = this.#askServer(serverName, server).finally(() => {
      this.#running.delete(run);
      this.#schedule();
    });
    this.#running.add(run);
  }

  async #askServer(serverName: string, server: WaitingServer): Promise<void> {
    const { clock, log } = this.#parts.platform;
    server.isWoken = false;
    let isDone = false;
    try {
      isDone = await this.#askAll(serverName);
    } catch (error) {
      log.warn('Device lists of another server could not be asked for; trying again later', { serverName, error });
    }
    server.isRunning = false;
    if (!isDone) {
      server.failures++;
      server.dueMs = clock.monotonicMs() + this.#retryMs(server.failures);
    } else if (server.isWoken) {
      Object.assign(server, { failures: 0, dueMs: clock.monotonicMs() + MIN_PAUSE_MS });
    } else {
      this.#servers.delete(serverName);
      if (this.#isMore) await this.#load();
    }
  }

  /** Whether all of them answered. What a server refuses holds up nothing else; when it is away it is not asked on. */
  async #askAll(serverName: string): Promise<boolean> {
    const { storage, platform, ask } = this.#parts;
    let after = '';
    let isDone = true;
    for (;;) {
      const rows = await storage.read(selectStaleLists, { serverName, after, limit: LISTS_PER_READ });
      for (const { user_id: userId } of rows) {
        if (this.#isStopped) return false;
        after = userId;
        try {
          await ask(userId);
        } catch (error) {
          if (!(error instanceof RemoteServerError)) throw error;
          isDone = false;
          platform.log.info('A device list cannot be had just now', { serverName, userId, reason: error.message });
          if (error.kind === 'unreachable') return false;
        }
      }
      if (rows.length < LISTS_PER_READ) return isDone;
    }
  }

  /** Twice as long each time, and somewhere in the upper half of it, so that not all are tried at once. */
  #retryMs(failures: number): number {
    const wholeMs = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20), MAX_RETRY_MS);
    const chance = (this.#parts.platform.random.bytes(1)[0] ?? 0) / 255;
    return Math.round(wholeMs / 2 + (wholeMs / 2) * chance);
  }
}
