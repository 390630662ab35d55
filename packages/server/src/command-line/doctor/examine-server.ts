import { checkCertificates } from './checks/check-certificates.ts';
import { checkClientDiscovery } from './checks/check-client-discovery.ts';
import { checkClock } from './checks/check-clock.ts';
import { checkDatabase } from './checks/check-database.ts';
import { checkListeners } from './checks/check-listeners.ts';
import { checkPublication } from './checks/check-publication.ts';
import { checkQueues } from './checks/check-queues.ts';
import { checkServer } from './checks/check-server.ts';
import { checkServerDiscovery } from './checks/check-server-discovery.ts';
import type { DoctorParts } from './doctor-parts.ts';
import type { Finding } from './finding.ts';

/** In the order in which one thing rests on another. A check throws nothing: what fails is a finding. */
const CHECKS: readonly ((parts: DoctorParts) => Promise<readonly Finding[]>)[] = [
  checkServer,
  checkDatabase,
  checkListeners,
  checkCertificates,
  checkServerDiscovery,
  checkPublication,
  checkClientDiscovery,
  checkClock,
  checkQueues,
];

/** Looks at the server from within and, as far as that goes from here, from without. Changes nothing. */
export async function examineServer(parts: DoctorParts): Promise<readonly Finding[]> {
  return (await Promise.all(CHECKS.map((check) => check(parts)))).flat();
}
