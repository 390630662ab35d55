import { createSecureContext } from 'node:tls';

/** Why these two PEM texts cannot serve TLS together; `undefined` when they can. */
export function tlsPairFault(certificate: string, privateKey: string): string | undefined {
  try {
    createSecureContext({ cert: certificate, key: privateKey });
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
