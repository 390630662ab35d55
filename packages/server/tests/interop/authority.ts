import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_NO_START, InteropFault } from './interop-fault.ts';
import { runTool } from './run-tool.ts';

/** Certificates for servers of this run, and the authority that all of them trust. PEM files. */
export interface Authority {
  readonly authorityPath: string;
  issue(name: string): Promise<{ certificatePath: string; privateKeyPath: string }>;
}

const DAYS = '2';

/** Makes a private authority for the address that the servers listen on. Throws InteropFault without openssl. */
export async function createAuthority(directory: string, address: string, signal: AbortSignal): Promise<Authority> {
  const at = (file: string) => join(directory, file);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

  async function openssl(args: readonly string[]): Promise<void> {
    const { status, output } = await runTool('openssl', args, { timeoutMs: 30_000, signal });
    if (status !== 0) throw new InteropFault(`openssl made no certificate: ${output.trim()}`, EXIT_NO_START);
  }

  const subject = ['-subj', '/CN=Private authority of the interop test'];
  const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const files = ['-keyout', at('authority-key.pem'), '-out', at('authority.pem')];
  await openssl(['req', '-x509', ...newKey, '-days', DAYS, ...subject, ...usage, ...files]);

  return {
    authorityPath: at('authority.pem'),
    async issue(name) {
      const certificatePath = at(`${name}.pem`);
      const privateKeyPath = at(`${name}-key.pem`);
      const request = at(`${name}.csr`);
      await openssl(['req', '-new', ...newKey, '-subj', `/CN=${name}`, '-keyout', privateKeyPath, '-out', request]);
      const extensions = at(`${name}.ext`);
      writeFileSync(extensions, `subjectAltName=IP:${address}\nbasicConstraints=CA:FALSE\n`);
      const signer = ['-CA', at('authority.pem'), '-CAkey', at('authority-key.pem'), '-CAcreateserial'];
      const signed = ['-in', request, '-extfile', extensions, '-out', certificatePath];
      await openssl(['x509', '-req', '-days', DAYS, ...signer, ...signed]);
      return { certificatePath, privateKeyPath };
    },
  };
}
