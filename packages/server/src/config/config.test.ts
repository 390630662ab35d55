import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { readConfig } from '../config.ts';
import { configDocument } from './config-document.ts';
import { ConfigError } from './config-error.ts';
import { configExample } from './config-example.ts';
import { nearestName } from './nearest-name.ts';
import { parseConfigText } from './parse-config-text.ts';
import type { SettingTable } from './setting.ts';
import { SETTINGS } from './settings.ts';

/** The keys as they were promised to operators, all of them given. */
const FIXED_KEYS = `
server_name: example.org
listeners:
  - port: 8008
    serves: [client, federation]
  - port: 8448
    serves: [federation]
    tls: { certificate: cert.pem, private_key: key.pem }
database:
  sqlite: { path: data/limpet.db }
data_path: data
registration: { mode: closed }
registration_shared_secret: secret
federation:
  enabled: true
  certificate_authorities: [ca.pem]
  allow_private_addresses: false
  servers: { hs2: "https://127.0.0.1:8449" }
  key_notaries: [notary.example.org]
  well_known_server: matrix.example.org:443
sticky_events: { enabled: true, events_per_sync: 100, stable_names: false }
rate_limits: { enabled: true }
log: { level: info, format: pretty }
`;

function parsed(text: string) {
  return parseConfigText(text, 'limpet.yaml', '/etc/limpet');
}

function messageOf(text: string): string {
  try {
    parsed(text);
  } catch (error) {
    if (error instanceof ConfigError) {
      return error.message;
    }
    throw error;
  }
  return 'no error';
}

describe('a configuration', () => {
  test('takes all fixed keys, and paths count from its file', () => {
    const config = parsed(FIXED_KEYS);
    expect(config.listeners).toEqual([
      { port: 8008, address: '127.0.0.1', serves: ['client', 'federation'], behindProxy: false, tls: undefined },
      {
        port: 8448,
        address: '127.0.0.1',
        serves: ['federation'],
        behindProxy: false,
        tls: { certificate: '/etc/limpet/cert.pem', privateKey: '/etc/limpet/key.pem' },
      },
    ]);
    expect(config.database).toEqual({ sqlite: { path: '/etc/limpet/data/limpet.db' } });
    expect(config.federation.certificateAuthorities).toEqual(['/etc/limpet/ca.pem']);
    expect([...config.federation.servers]).toEqual([['hs2', 'https://127.0.0.1:8449']]);
    expect(config.federation.keyNotaries).toEqual(['notary.example.org']);
    expect(config.federation.wellKnownServer).toBe('matrix.example.org:443');
    expect(config.stickyEvents).toMatchObject({ enabled: true, eventsPerSync: 100, stableNames: false });
    expect(config.registrationSharedSecret).toBe('secret');
  });

  test.each(['', '{}', '# only a comment', 'server_name:', 'federation:'])(
    'without anything (%j) has its defaults',
    (text) => {
      const config = parsed(text);
      expect(config.serverName).toBe('localhost');
      expect(config.listeners.map(({ address, port, serves }) => ({ address, port, serves }))).toEqual([
        { address: '127.0.0.1', port: 8008, serves: ['client', 'federation'] },
      ]);
      expect(config.database).toEqual({ sqlite: { path: '/etc/limpet/data/limpet.db' } });
      expect(config.registration.mode).toBe('closed');
      expect(config.rateLimits.enabled).toBe(true);
    },
  );

  test('may be JSON', () => {
    expect(
      parsed('{"server_name": "a.example", "database": {"postgres": {"url": "postgres://u:p@h/d"}}}'),
    ).toMatchObject({
      serverName: 'a.example',
      database: { postgres: { url: 'postgres://u:p@h/d' } },
    });
  });

  test('keeps the database with the data', () => {
    expect(parsed('data_path: /var/lib/limpet').database).toEqual({ sqlite: { path: '/var/lib/limpet/limpet.db' } });
  });

  test('is frozen', () => {
    const config = readConfig({}, '/');
    expect([config, config.listeners, config.listeners[0], config.log].every(Object.isFrozen)).toBe(true);
  });
});

test.each([
  ['sticky_event: {}', 'Unknown key "sticky_event". Did you mean "sticky_events"?'],
  ['serverName: x', 'Unknown key "serverName". Did you mean "server_name"?'],
  ['listeners: [{ prot: 1 }]', 'Unknown key "listeners[0].prot". Did you mean "port"?'],
  ['log: { colour: true }', 'Unknown key "log.colour". Known here: level, format'],
  ['__proto__: { log: 1 }', 'Unknown key "__proto__". Known here: server_name,'],
  ['server_name: "a b"', '"server_name" must be a server name, like example.org or example.org:8448, not "a b"'],
  ['server_name: 7', '"server_name" must be a server name, like example.org or example.org:8448, not 7'],
  ['listeners: []', '"listeners" is empty. Give it at least one entry, or leave it out'],
  ['listeners: 8008', '"listeners" must be a list, not 8008'],
  ['listeners: [8008]', '"listeners[0]" must be keys with values, not 8008'],
  ['listeners: [{}]', '"listeners[0].port" is missing. Give it an integer from 0 to 65535'],
  ['listeners: [{ port: "8008" }]', '"listeners[0].port" must be an integer from 0 to 65535, not "8008"'],
  ['listeners: [{ port: 65536 }]', '"listeners[0].port" must be an integer from 0 to 65535, not 65536'],
  [
    'listeners: [{ port: 1, serves: [clients] }]',
    '"listeners[0].serves[0]" must be client or federation, not "clients"',
  ],
  [
    'listeners: [{ port: 1, serves: client }]',
    '"listeners[0].serves" must be a list of values, each client or federation, not',
  ],
  ['listeners: [{ port: 1, tls: { certificate: a } }]', '"listeners[0].tls.private_key" is missing. Give it a path'],
  ['listeners: [{ port: 1 }, { port: 1 }]', '"listeners[1].port" is 1, which "listeners[0]" has already'],
  [
    'database: { sqlite: { path: a }, postgres: { url: "postgres://x" } }',
    '"database" has both "sqlite" and "postgres"',
  ],
  ['database: { postgres: { url: "http://x" } }', '"database.postgres.url" must be a URL that starts with postgres://'],
  ['registration: { mode: Open }', '"registration.mode" must be closed or token or open, not "Open"'],
  ['registration: open', '"registration" must be keys with values, not "open"'],
  ['registration_shared_secret: ""', '"registration_shared_secret" must be text, not ""'],
  ['federation: { enabled: "yes" }', '"federation.enabled" must be true or false, not "yes"'],
  ['federation: { servers: { hs2: 127.0.0.1 } }', '"federation.servers.hs2" must be a URL that starts with https://'],
  ['sticky_events: { events_per_sync: 0 }', '"sticky_events.events_per_sync" must be an integer from 1 to 1000, not 0'],
  [
    'rtc: { transports: [{ type: livekit }] }',
    '"rtc.transports[0].livekit_service_url" is missing. A transport of type "livekit" needs the URL of its token',
  ],
  ['rtc: { transports: [{ livekit_service_url: "https://x" }] }', '"rtc.transports[0].type" is missing'],
  [
    'rtc: { transports: [{ type: livekit, livekit_service_url: livekit.example.org }] }',
    '"rtc.transports[0].livekit_service_url" must be a URL that starts with https:// or http://',
  ],
  ['delayed_events: { max_delay_ms: 10 }', '"delayed_events.max_delay_ms" must be an integer from 1000 to'],
  ['log: { level: verbose }', '"log.level" must be debug or info or warn or error or silent, not "verbose"'],
  ['[1]', 'The configuration must be keys with values, not [1]'],
  ['server_name: x\nlog: {', 'Bad YAML in line 2, column'],
  ['a: 1\na: 2', 'Bad YAML in line 2, column 1: Map keys must be unique'],
])('%s is one line that names the key', (text, message) => {
  expect(messageOf(text)).toContain(`limpet.yaml: ${message}`);
  expect(messageOf(text)).not.toContain('\n');
});

describe('what is generated', () => {
  test('the example is the defaults, and names every key', () => {
    expect(parsed(configExample())).toEqual(parsed(''));
    for (const key of keysOf(SETTINGS)) {
      expect(configExample()).toMatch(new RegExp(`^[\\s#-]*${key}:`, 'm'));
    }
  });

  test('what the example has in comments is good configuration, too', () => {
    const sections = configExample()
      .split('\n\n')
      .map((paragraph) => paragraph.replaceAll(/^(\s*)# (\s*[a-z_]+:( |$))/gm, '$1$2'));
    const listeners = sections.find((paragraph) => paragraph.includes('listeners:')) ?? '';
    expect(parsed(listeners).listeners[0]?.tls?.certificate).toBe('/etc/limpet/cert.pem');
    const database = parse(sections.find((paragraph) => paragraph.includes('\ndatabase:')) ?? '');
    expect(Object.keys(database.database)).toEqual(['sqlite', 'postgres']);
  });

  test('docs/configuration.md is up to date (npm run -s limpet -- config document > docs/configuration.md)', () => {
    const written = readFileSync(new URL('../../../../docs/configuration.md', import.meta.url), 'utf8');
    expect(written).toBe(configDocument());
  });
});

test.each([
  ['sever_name', 'server_name'],
  ['rate-limits', 'rate_limits'],
  ['registraton_mode', undefined],
  ['xyz', undefined],
])('the name nearest to %s is %s', (name, nearest) => {
  expect(nearestName(name, Object.keys(SETTINGS))).toBe(nearest);
});

function keysOf(table: SettingTable): string[] {
  return Object.entries(table).flatMap(([key, setting]) => [key, ...keysOf(setting.inside ?? {})]);
}
