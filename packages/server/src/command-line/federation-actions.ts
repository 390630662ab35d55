import type { Terminal } from '../platform/terminal.ts';
import type { DestinationStatus } from '../services/federation-sender/federation-status.ts';
import type { AdminCommands } from './admin-commands.ts';

/** `limpet federation …`: each gives the exit status, and throws the refusals of AdminCommands. */
export interface FederationActions {
  federationStatus(destination: string | undefined, options: { config?: string; json?: boolean }): Promise<number>;
  retryDestination(destination: string, options: { config?: string; json?: boolean }): Promise<number>;
}

export interface FederationActionParts {
  readonly terminal: Terminal;
  readonly nowMs: () => number;
  /** Runs `use` with the commands of the server that this configuration describes, be it running or not. */
  readonly withCommands: <T>(config: string | undefined, use: (commands: AdminCommands) => Promise<T>) => Promise<T>;
}

export function createFederationActions({ terminal, nowMs, withCommands }: FederationActionParts): FederationActions {
  return {
    async federationStatus(destination, options) {
      const { destinations, leftOut } = await withCommands(options.config, (commands) =>
        commands.federationStatus({ destination }),
      );
      for (const status of destinations) {
        if (options.json === true) terminal.print(JSON.stringify(status));
        else for (const line of linesOf(status, nowMs())) terminal.print(line);
      }
      if (options.json === true) return 0;
      if (destinations.length === 0) terminal.print('No other server was ever told anything.');
      if (leftOut > 0) terminal.print(`… and ${leftOut} more, who are told everything or wait longer`);
      return 0;
    },
    async retryDestination(destination, options) {
      const result = await withCommands(options.config, (commands) => commands.retryDestination({ destination }));
      if (options.json === true) terminal.print(JSON.stringify(result));
      else if (result.wasBehind) terminal.print(`Trying ${destination} now`);
      else terminal.print(`Nothing waits to be tried again for ${destination}`);
      return 0;
    },
  };
}

function linesOf(status: DestinationStatus, nowMs: number): string[] {
  const { destination, state, waiting, failures, lastSuccessTs, lastError, lastErrorTs, nextTryTs } = status;
  const lines = [
    `${destination}  ${STATES[state]}${nextTryTs === undefined ? '' : `, next try ${inTime(nextTryTs, nowMs)}`}`,
  ];
  const counts = `${waiting.events} events, ${waiting.stickyEvents} sticky events, ${waiting.edus} EDUs`;
  const since = waiting.oldestTs === undefined ? '' : `, the oldest from ${ago(waiting.oldestTs, nowMs)}`;
  lines.push(`  waiting: ${counts}${since}`);
  lines.push(`  last success: ${lastSuccessTs === undefined ? 'none' : ago(lastSuccessTs, nowMs)}`);
  if (lastError !== undefined && lastErrorTs !== undefined) {
    const times = failures > 0 ? ` (${failures} in a row)` : '';
    lines.push(`  last error: ${ago(lastErrorTs, nowMs)}${times}: ${lastError}`);
  }
  return lines;
}

const STATES = { live: 'live', 'catching-up': 'catching up', 'backing-off': 'does not answer' } as const;

function ago(ts: number, nowMs: number): string {
  return `${duration(nowMs - ts)} ago`;
}

function inTime(ts: number, nowMs: number): string {
  return ts <= nowMs ? 'now' : `in ${duration(ts - nowMs)}`;
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
