import { getCACertificates } from 'node:tls';

/** PEM texts of the authorities that this machine and Node.js trust. */
export function systemAuthorities(): readonly string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')];
}
