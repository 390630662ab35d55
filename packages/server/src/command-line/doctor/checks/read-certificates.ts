import { X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
/** A chain has some four. */
const MAX_CERTIFICATES = 1_000;

/** The certificates of a PEM text, in their order; those that cannot be read are left out. */
export function readCertificates(pem: string): X509Certificate[] {
  const certificates: X509Certificate[] = [];
  for (const [block] of [...pem.matchAll(BLOCK)].slice(0, MAX_CERTIFICATES)) {
    try {
      certificates.push(new X509Certificate(block));
    } catch {
      // Node.js refuses to read a few odd roots of old systems; nobody's chain ends there.
    }
  }
  return certificates;
}
