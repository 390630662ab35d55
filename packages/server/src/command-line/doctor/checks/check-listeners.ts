import type { ListenerConfig } from '../../../config.ts';
import { OutboundFailure } from '../../../platform/outbound-http.ts';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, note, problem } from '../finding.ts';

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;

/** Whether something answers at each port while the server runs, and whether it is free while it does not. */
export async function checkListeners(parts: DoctorParts): Promise<readonly Finding[]> {
  return Promise.all(
    parts.config.listeners.map((listener) =>
      parts.isRunning ? checkOpenListener(parts, listener) : checkFreePort(parts, listener),
    ),
  );
}

async function checkOpenListener({ ownHttp }: DoctorParts, listener: ListenerConfig): Promise<Finding> {
  const { port, tls, serves } = listener;
  if (port === 0) {
    return note('listeners', 'A listener has port 0, which is another one at each start.', 'Give it a fixed port.');
  }
  const origin = `${tls === undefined ? 'http' : 'https'}://${ownHost(listener)}:${port}`;
  const path = serves.includes('client') ? '/_matrix/client/versions' : '/_matrix/federation/v1/version';
  try {
    const url = `${origin}${path}`;
    const { status } = await ownHttp.send({
      method: 'GET',
      url,
      headers: {},
      timeoutMs: TIMEOUT_MS,
      maxBytes: MAX_BYTES,
    });
    if (status === 200) {
      return good('listeners', `${origin} answers.`);
    }
    return problem('listeners', `${url} is answered with status ${status}.`, 'Look into the log of the server.');
  } catch (error) {
    if (!(error instanceof OutboundFailure)) throw error;
    // A certificate need not be for the address that the port is on: whether it is good is looked at apart.
    if (error.kind === 'tls') {
      return good('listeners', `${origin} answers.`);
    }
    return problem(
      'listeners',
      `Nothing answers at ${origin}: ${error.message}.`,
      'Restart the server if its configuration changed, and look into its log.',
    );
  }
}

/** A listener on all addresses is on this one, too. */
function ownHost({ address }: ListenerConfig): string {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  return address.includes(':') ? `[${address}]` : address;
}

async function checkFreePort({ probeListener }: DoctorParts, listener: ListenerConfig): Promise<Finding> {
  const fault = await probeListener(listener);
  if (fault === undefined) {
    return good('listeners', `Port ${listener.port} on ${listener.address} is free for the server.`);
  }
  return problem(
    'listeners',
    `The server cannot start: port ${listener.port} on ${listener.address} is no use.`,
    fault,
  );
}
