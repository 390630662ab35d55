import type { Terminal } from '../platform/terminal.ts';
import type { Report } from '../services/rooms/reports.ts';
import type { AdminCommands } from './admin-commands.ts';

/** `limpet report …`: each gives the exit status. */
export interface ReportActions {
  listReports(options: { config?: string; json?: boolean }): Promise<number>;
}

export interface ReportActionParts {
  readonly terminal: Terminal;
  readonly withCommands: <T>(config: string | undefined, use: (commands: AdminCommands) => Promise<T>) => Promise<T>;
}

export function createReportActions({ terminal, withCommands }: ReportActionParts): ReportActions {
  return {
    async listReports(options) {
      const { reports } = await withCommands(options.config, (commands) => commands.listReports({}));
      for (const report of reports) terminal.print(options.json === true ? JSON.stringify(report) : lineOf(report));
      if (reports.length === 0 && options.json !== true) terminal.print('Nothing was reported.');
      return 0;
    },
  };
}

function lineOf({ receivedTs, reporter, roomId, eventId, userId, reason }: Report): string {
  const what = [eventId, roomId, userId].filter((one) => one !== undefined).join(' ');
  // A reason is anybody's text: as JSON it can neither end the line nor move the cursor.
  return `${new Date(receivedTs).toISOString()}  ${reporter} reports ${what}: ${JSON.stringify(reason)}`;
}
