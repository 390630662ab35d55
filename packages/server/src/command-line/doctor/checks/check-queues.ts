import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note } from '../finding.ts';

/** Servers that do not take what they are sent: mostly that is theirs to mend, so these are notes. */
export async function checkQueues({ examination, config }: DoctorParts): Promise<readonly Finding[]> {
  if (!config.federation.enabled || 'fault' in examination) {
    return [];
  }
  const { unreached } = examination;
  if (unreached.length === 0) {
    return [good('queues', 'Every server takes what it is sent.')];
  }
  return unreached.map(({ destination, failures, stickyEvents, lastError }) =>
    note(
      'queues',
      `${destination} did not take what it was sent at ${failures} tries (${lastError}); ` +
        `${stickyEvents} sticky events wait.`,
      `It is tried again by itself; at once with "limpet federation retry ${destination}".`,
    ),
  );
}
