import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';

/** Names that no other machine can look up. */
const LOCAL_NAMES = /^(localhost|.*\.(localhost|local|test|example|invalid|internal))(:\d+)?$/;

/** Whether it runs, and is made to talk with others. */
export async function checkServer({ config, isRunning }: DoctorParts): Promise<readonly Finding[]> {
  const { serverName, federation, listeners } = config;
  const findings: Finding[] = [];
  if (isRunning) {
    findings.push(good('server', `${serverName} is running.`));
  } else {
    findings.push(
      note('server', `${serverName} is not running, so less can be seen.`, 'Start it with "limpet serve".'),
    );
  }
  if (!federation.enabled) {
    findings.push(note('server', 'Federation is off, so other homeservers are not looked at.'));
    return findings;
  }
  if (LOCAL_NAMES.test(serverName)) {
    findings.push(
      note(
        'server',
        `Other machines cannot look up the name ${serverName}, so only servers that are told the way reach it.`,
        'Before there are accounts, set "server_name" to a domain that you own.',
      ),
    );
  }
  if (!listeners.some(({ serves }) => serves.includes('federation'))) {
    findings.push(
      problem(
        'server',
        'Federation is on, but no listener serves it.',
        'Add "federation" to "serves" of a listener, or set "federation.enabled" to false.',
      ),
    );
  }
  return findings;
}
