import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { InteropServer } from './interop-server.ts';
import type { ServerSite } from './server-site.ts';

/** A real Synapse on SQLite, with sticky events on and everything off that slows down or asks the outside world. */
export function synapseProcess(site: ServerSite, python: string): InteropServer {
  const { directory } = site.place;
  const at = (file: string) => join(directory, file);
  writeFileSync(at('signing.key'), `ed25519 a_test ${randomBytes(32).toString('base64').replaceAll('=', '')}\n`);
  // JSON is YAML.
  writeFileSync(at('log.yaml'), JSON.stringify(LOGGING));
  writeFileSync(at('homeserver.yaml'), JSON.stringify(configuration(site, at), null, 2));
  const args = ['-m', 'synapse.app.homeserver', '--config-path', at('homeserver.yaml')];
  return new InteropServer(site.place, { command: python, args });
}

const LOGGING = {
  version: 1,
  formatters: { line: { format: '%(asctime)s - %(name)s - %(levelname)s - %(request)s - %(message)s' } },
  filters: { context: { '()': 'synapse.logging.context.LoggingContextFilter', request: '' } },
  handlers: { output: { class: 'logging.StreamHandler', formatter: 'line', filters: ['context'] } },
  root: { level: 'INFO', handlers: ['output'] },
  disable_existing_loggers: false,
};

function configuration(site: ServerSite, at: (file: string) => string) {
  const { place, address, clientPort, federationPort, certificate, authorityPath } = site;
  return {
    server_name: place.serverName,
    public_baseurl: place.clientUrl,
    pid_file: at('homeserver.pid'),
    report_stats: false,
    listeners: [
      { ...listener(address, clientPort), tls: false, resources: [{ names: ['client', 'media'] }] },
      { ...listener(address, federationPort), tls: true, resources: [{ names: ['federation'] }] },
    ],
    tls_certificate_path: certificate.certificatePath,
    tls_private_key_path: certificate.privateKeyPath,
    federation_custom_ca_list: [authorityPath],
    ip_range_blacklist: [],
    federation_ip_range_blacklist: [],
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    signing_key_path: at('signing.key'),
    database: { name: 'sqlite3', args: { database: at('homeserver.db') } },
    media_store_path: at('media'),
    log_config: at('log.yaml'),
    registration_shared_secret: place.registrationSecret,
    macaroon_secret_key: 'a secret of a test',
    form_secret: 'another secret of a test',
    bcrypt_rounds: 4,
    allow_public_rooms_over_federation: true,
    room_list_publication_rules: [{ action: 'allow' }],
    presence: { enabled: true },
    experimental_features: { msc4354_enabled: true },
    // After the other side was away it is tried again soon.
    federation: {
      client_timeout: '20s',
      max_short_retries: 0,
      destination_min_retry_interval: '1s',
      destination_max_retry_interval: '3s',
      destination_retry_multiplier: 1,
    },
    ...NO_RATE_LIMITS,
  };
}

function listener(address: string, port: number) {
  return { port, type: 'http', bind_addresses: [address], x_forwarded: false };
}

const UNLIMITED = { per_second: 1_000_000, burst_count: 1_000_000 };

const NO_RATE_LIMITS = {
  rc_message: UNLIMITED,
  rc_registration: UNLIMITED,
  rc_login: { address: UNLIMITED, account: UNLIMITED, failed_attempts: UNLIMITED },
  rc_admin_redaction: UNLIMITED,
  rc_joins: { local: UNLIMITED, remote: UNLIMITED },
  rc_joins_per_room: UNLIMITED,
  rc_key_requests: UNLIMITED,
  rc_invites: { per_room: UNLIMITED, per_user: UNLIMITED, per_issuer: UNLIMITED },
  rc_media_create: UNLIMITED,
  rc_presence: { per_user: UNLIMITED },
  rc_room_creation: UNLIMITED,
  rc_profile: UNLIMITED,
  rc_federation: { window_size: 1000, sleep_limit: 1_000_000, sleep_delay: 1, reject_limit: 1_000_000, concurrent: 50 },
  federation_rr_transactions_per_room_per_second: 1_000,
};
