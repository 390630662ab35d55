import type { X509Certificate } from 'node:crypto';
import type { DoctorParts } from '../doctor-parts.ts';
import { type Finding, good, problem } from '../finding.ts';
import { hostnameOf, isAddress } from './hostname.ts';
import { readCertificates } from './read-certificates.ts';

/** Long enough to find out why it was not renewed by itself. */
const MIN_LEFT_MS = 14 * 24 * 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Names, expiry and chain of the certificates that the server itself shows. */
export async function checkCertificates(parts: DoctorParts): Promise<readonly Finding[]> {
  const hosts = await hostsAskedFor(parts);
  return parts.config.listeners.flatMap((listener, index) => {
    const files = parts.tls.get(index);
    if (files === undefined || listener.tls === undefined) {
      return [];
    }
    const file = listener.tls.certificate;
    const chain = readCertificates(files.certificate);
    const [own] = chain;
    if (own === undefined) {
      return [problem('certificate', `${file} holds no certificate that can be read.`, 'Give it a PEM file.')];
    }
    const names = listener.serves.includes('federation') && parts.config.federation.enabled ? hosts : [];
    const faults = [
      ...expiryFaults(own, file, parts.clock.nowMs()),
      ...names.flatMap((host) => nameFaults(own, file, host)),
      ...chainFaults(chain, file, parts.authorities),
    ];
    const until = new Date(own.validTo).toISOString().slice(0, 10);
    return faults.length > 0 ? faults : [good('certificate', `${file} holds until ${until}.`)];
  });
}

/** Other servers ask for the name that discovery gives them. Specification: "Resolving server names". */
async function hostsAskedFor({ config, routes }: DoctorParts): Promise<readonly string[]> {
  try {
    const found = await routes.find(config.serverName);
    return [...new Set(found.map(({ host }) => hostnameOf(host)))];
  } catch {
    // What is wrong with discovery is a finding of its own; the name itself is the one of the last resort.
    return [hostnameOf(config.serverName)];
  }
}

function expiryFaults(certificate: X509Certificate, file: string, nowMs: number): Finding[] {
  const remedy = 'Renew it, and restart the server: it reads the file when it starts.';
  const leftMs = Date.parse(certificate.validTo) - nowMs;
  if (leftMs <= 0) {
    return [problem('certificate', `${file} expired on ${certificate.validTo}.`, remedy)];
  }
  if (Date.parse(certificate.validFrom) > nowMs) {
    const early = `${file} is not valid before ${certificate.validFrom}.`;
    return [problem('certificate', early, 'Set the clock of this machine, or wait.')];
  }
  if (leftMs < MIN_LEFT_MS) {
    return [problem('certificate', `${file} expires in ${Math.floor(leftMs / DAY_MS)} days.`, remedy)];
  }
  return [];
}

function nameFaults(certificate: X509Certificate, file: string, host: string): Finding[] {
  const isCovered = isAddress(host) ? certificate.checkIP(host) : certificate.checkHost(host);
  if (isCovered !== undefined) {
    return [];
  }
  return [
    problem(
      'certificate',
      `${file} is not for ${host}, the name that other servers ask for.`,
      `Get a certificate with ${host} among its names, or let other servers ask for a name that it has.`,
    ),
  ];
}

/** Other servers have the authorities only: what stands in between has to come with the certificate. */
function chainFaults(chain: readonly X509Certificate[], file: string, authorities: readonly string[]): Finding[] {
  const trusted = authorities.flatMap(readCertificates);
  for (const [index, certificate] of chain.entries()) {
    if (trusted.some((root) => isIssuedBy(certificate, root) || root.fingerprint256 === certificate.fingerprint256)) {
      return [];
    }
    const next = chain[index + 1];
    if (next === undefined || !isIssuedBy(certificate, next)) {
      return [chainFault(file, certificate)];
    }
  }
  return [];
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function chainFault(file: string, certificate: X509Certificate): Finding {
  const issuer = certificate.issuer.replaceAll('\n', ', ');
  if (certificate.issuer === certificate.subject) {
    return problem(
      'certificate',
      `${file} ends in ${issuer}, which is no authority that this machine trusts.`,
      'Get a certificate of a public authority; in a closed network add yours to "federation.certificate_authorities".',
    );
  }
  return problem(
    'certificate',
    `${file} lacks the certificate of ${issuer}, so other servers cannot follow the chain.`,
    'Put the intermediate certificates behind the own one in the file (often called fullchain.pem).',
  );
}
