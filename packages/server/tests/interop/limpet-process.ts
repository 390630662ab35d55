import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InteropServer } from './interop-server.ts';
import type { ServerSite } from './server-site.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/limpet.js', import.meta.url));

/** This repository's server, as an operator starts it. */
export function limpetProcess(site: ServerSite): InteropServer {
  const { address, clientPort, federationPort, certificate, authorityPath, place } = site;
  const configPath = join(place.directory, 'limpet.yaml');
  const configuration = {
    server_name: place.serverName,
    public_url: place.clientUrl,
    listeners: [
      { address, port: clientPort, serves: ['client'] },
      {
        address,
        port: federationPort,
        serves: ['federation'],
        tls: { certificate: certificate.certificatePath, private_key: certificate.privateKeyPath },
      },
    ],
    data_path: join(place.directory, 'data'),
    registration_shared_secret: place.registrationSecret,
    federation: { certificate_authorities: [authorityPath], allow_private_addresses: true },
    rate_limits: { enabled: false },
    log: { level: 'debug', format: 'json' },
  };
  // JSON is YAML.
  writeFileSync(configPath, JSON.stringify(configuration, null, 2));
  return new InteropServer(place, { command: process.execPath, args: [PROGRAM, 'serve', '--config', configPath] });
}
