import { readFileSync } from 'node:fs';
import { signingKeyFromSeed } from '@limpet/protocol/signing';
import { expect, test } from 'vitest';
import { readConfig } from '../../config.ts';
import { OutboundFailure, type OutboundHttp, type OutboundResponse } from '../../platform/outbound-http.ts';
import { OwnKeys } from '../../services/remote-servers/own-keys.ts';
import type { DoctorParts } from './doctor-parts.ts';
import { examineServer } from './examine-server.ts';

const NOW = Date.UTC(2026, 10, 26);
const DAY = 86_400_000;
/** For localhost, 127.0.0.1 and ::1, signed by itself. */
const CERTIFICATE = readFileSync(new URL('../../../tests/fixtures/localhost-cert.pem', import.meta.url), 'utf8');

const clock = { nowMs: () => NOW, monotonicMs: () => 0 };

function keysOf(seed: number, serverName = 'hs.org', nowMs = NOW): object {
  const signingKey = signingKeyFromSeed('ed25519:a', new Uint8Array(32).fill(seed));
  const now = { ...clock, nowMs: () => nowMs };
  return new OwnKeys({ serverName, signingKey, oldKeys: [], clock: now }).document();
}

const ROUTE = { origin: 'https://matrix.hs.org:443', host: 'matrix.hs.org' };

/** The world of a server that is well, by URL. */
const WELL: Readonly<Record<string, unknown>> = {
  'http://127.0.0.1:8008/_matrix/client/versions': {},
  'https://hs.org/.well-known/matrix/server': { 'm.server': 'matrix.hs.org:443' },
  'https://matrix.hs.org:443/_matrix/key/v2/server': keysOf(1),
  'https://hs.org/.well-known/matrix/client': {
    'm.homeserver': { base_url: 'https://matrix.hs.org' },
    'org.matrix.msc4143.rtc_foci': [{ type: 'livekit', livekit_service_url: 'https://rtc.hs.org/jwt' }],
  },
  'https://matrix.hs.org/_matrix/client/versions': { versions: ['v1.18'] },
  'https://rtc.hs.org/jwt': new OutboundFailure('timeout', 'never asked'),
  'https://other.org:8448/_matrix/federation/v1/version': answer({}, { date: new Date(NOW).toUTCString() }),
};

function answer(body: unknown, headers: Record<string, string> = {}, status = 200): OutboundResponse {
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) };
}

function worldOf(pages: Readonly<Record<string, unknown>>): OutboundHttp {
  return {
    async send({ url }) {
      const page = pages[url];
      if (page instanceof OutboundFailure) throw page;
      if (page === undefined) return answer('Not found', {}, 404);
      return typeof page === 'object' && page !== null && 'body' in page ? (page as OutboundResponse) : answer(page);
    },
  };
}

interface Sickness {
  readonly pages?: Readonly<Record<string, unknown>>;
  readonly config?: object;
  readonly parts?: Partial<DoctorParts>;
}

/** `level check: text` of all that is not good. */
async function examined({ pages, config, parts }: Sickness): Promise<string[]> {
  const http = worldOf({ ...WELL, 'https://rtc.hs.org/jwt': answer('', {}, 404), ...pages });
  const findings = await examineServer({
    config: readConfig({ server_name: 'hs.org', public_url: 'https://matrix.hs.org', ...config }, '/nowhere'),
    clock,
    outboundHttp: http,
    ownHttp: http,
    routes: { find: async (name) => [name === 'hs.org' ? ROUTE : { origin: `https://${name}:8448`, host: name }] },
    tls: new Map(),
    authorities: [],
    probeListener: async () => undefined,
    isRunning: true,
    examination: { databaseFault: null, keyDocument: keysOf(1) as never, servers: ['other.org'], unreached: [] },
    servers: [],
    ...parts,
  });
  for (const { level, text, remedy } of findings) {
    expect(text).toMatch(/\.$/);
    if (level === 'problem') expect(remedy).toMatch(/\.$/);
  }
  return findings.filter(({ level }) => level !== 'good').map(({ level, check, text }) => `${level} ${check}: ${text}`);
}

test('of a server that is well nothing is said but good', async () => {
  expect(await examined({})).toEqual([]);
});

const KEY_URL = 'https://matrix.hs.org:443/_matrix/key/v2/server';
const CLIENT_URL = 'https://hs.org/.well-known/matrix/client';
const SERVER_URL = 'https://hs.org/.well-known/matrix/server';
const VERSION_URL = 'https://other.org:8448/_matrix/federation/v1/version';
const failure = (kind: OutboundFailure['kind']) => new OutboundFailure(kind, 'it failed');

test.each<[name: string, Sickness, RegExp]>([
  [
    'a delegation that is none',
    { pages: { [SERVER_URL]: { 'm.server': 'https://matrix.hs.org' } } },
    /^problem discovery/,
  ],
  ['a delegation that fails', { pages: { [SERVER_URL]: failure('unreachable') } }, /^note discovery.*port 8448/],
  ['a port that is shut', { pages: { [KEY_URL]: failure('unreachable') } }, /^problem discovery.*cannot reach/],
  ['a certificate that others refuse', { pages: { [KEY_URL]: failure('tls') } }, /^problem discovery/],
  ['a proxy that does not pass on keys', { pages: { [KEY_URL]: answer('', {}, 502) } }, /^problem key.*502/],
  ['HTML in place of keys', { pages: { [KEY_URL]: answer('<html>') } }, /^problem key/],
  ['keys of another server', { pages: { [KEY_URL]: keysOf(1, 'else.org') } }, /^problem key/],
  ['another key of the same name', { pages: { [KEY_URL]: keysOf(2) } }, /^problem key.*another key/],
  ['keys from a cache', { pages: { [KEY_URL]: keysOf(1, 'hs.org', NOW - 30 * DAY) } }, /^problem key.*believes/],
  ['no public_url', { config: { public_url: undefined } }, /^note clients.*public_url/],
  [
    'clients sent elsewhere',
    {
      pages: { [CLIENT_URL]: { ...(WELL[CLIENT_URL] as object), 'm.homeserver': { base_url: 'https://old.hs.org' } } },
    },
    /^problem clients.*old\.hs\.org/,
  ],
  [
    'an address that is no homeserver',
    { pages: { 'https://matrix.hs.org/_matrix/client/versions': answer('', {}, 503) } },
    /^problem clients.*503/,
  ],
  ['a transport that is down', { pages: { 'https://rtc.hs.org/jwt': failure('unreachable') } }, /^problem rtc/],
  [
    'no transports',
    { pages: { [CLIENT_URL]: { 'm.homeserver': { base_url: 'https://matrix.hs.org' } } } },
    /^note rtc.*No RTC/,
  ],
  [
    'a clock that is behind',
    { pages: { [VERSION_URL]: answer({}, { date: new Date(NOW + 60_000).toUTCString() }) } },
    /^problem clock.*(60|61) s behind that of other\.org/,
  ],
  ['nobody to compare clocks with', { pages: { [VERSION_URL]: failure('timeout') } }, /^note clock/],
  [
    'a database that is full',
    {
      parts: {
        examination: {
          databaseFault: 'disk full',
          keyDocument: keysOf(1) as never,
          servers: ['other.org'],
          unreached: [],
        },
      },
    },
    /^problem database.*disk full/,
  ],
  [
    'a server that takes nothing',
    {
      parts: {
        examination: {
          databaseFault: null,
          keyDocument: keysOf(1) as never,
          servers: ['other.org'],
          unreached: [{ destination: 'gone.org', failures: 3, stickyEvents: 2, lastError: 'refused' }],
        },
      },
    },
    /^note queues.*gone\.org.*3 tries.*2 sticky/,
  ],
  [
    'a listener that nobody answers at',
    { pages: { 'http://127.0.0.1:8008/_matrix/client/versions': failure('unreachable') } },
    /^problem listeners/,
  ],
  ['no listener for other servers', { config: { listeners: [{ port: 8008, serves: ['client'] }] } }, /^problem server/],
])('%s is the one thing that is said', async (_name, sickness, said) => {
  const [finding, ...others] = await examined(sickness);
  expect(finding).toMatch(said);
  expect(others).toEqual([]);
});

test('of most clocks that agree, the one that differs is off', async () => {
  const pages: Record<string, unknown> = {};
  for (const server of ['one.org', 'two.org']) pages[`https://${server}:8448/_matrix/federation/v1/version`] = onTime();
  pages[VERSION_URL] = answer({}, { date: new Date(NOW - 3_600_000).toUTCString() });
  expect(await examined({ pages, parts: { servers: ['one.org', 'two.org'] } })).toEqual([
    'note clock: The clock of other.org is 3600 s behind.',
  ]);
});

function onTime(): OutboundResponse {
  return answer({}, { date: new Date(NOW).toUTCString() });
}

test('a server that is stopped is not looked for, and its ports have to be free', async () => {
  const fault = 'Port 8008 on 127.0.0.1 is in use.';
  const findings = await examined({ parts: { isRunning: false, probeListener: async () => fault } });
  expect(findings).toEqual([
    expect.stringMatching(/^note server: .* not running/),
    expect.stringMatching(/^problem listeners: .*cannot start/),
  ]);
});

test('without its database the rest is looked at all the same', async () => {
  const findings = await examined({ parts: { isRunning: false, examination: { fault: 'It is no database.' } } });
  expect(findings).toContain('problem database: It is no database.');
  expect(findings.filter((finding) => finding.startsWith('problem'))).toHaveLength(1);
});

/** A listener that shows the certificate above. */
function certified(host: string, nowMs: number, authorities: readonly string[]): Sickness {
  const tls = { certificate: 'cert.pem', private_key: 'key.pem' };
  return {
    config: { listeners: [{ port: 8008, tls }] },
    pages: { 'https://127.0.0.1:8008/_matrix/client/versions': {} },
    parts: {
      clock: { ...clock, nowMs: () => nowMs },
      tls: new Map([[0, { certificate: CERTIFICATE, privateKey: '' }]]),
      authorities,
      routes: { find: async () => [{ origin: 'https://hs.org:8448', host }] },
      servers: [],
    },
  };
}

async function ofCertificate(sickness: Sickness): Promise<string[]> {
  return (await examined(sickness)).filter((finding) => finding.includes('certificate:'));
}

test('a certificate is judged by its names, its time and its chain', async () => {
  const trusted = [CERTIFICATE];
  expect(await ofCertificate(certified('localhost', NOW, trusted))).toEqual([]);
  expect(await ofCertificate(certified('localhost:443', NOW, trusted))).toEqual([]);
  expect(await ofCertificate(certified('127.0.0.1:8448', NOW, trusted))).toEqual([]);
  expect(await ofCertificate(certified('hs.org', NOW, trusted))).toEqual([
    expect.stringContaining('is not for hs.org, the name that other servers ask for'),
  ]);
  expect(await ofCertificate(certified('localhost', NOW, []))).toEqual([
    expect.stringContaining('no authority that this machine trusts'),
  ]);
  expect(await ofCertificate(certified('localhost', Date.UTC(2200, 0), trusted))).toEqual([
    expect.stringContaining('expired on'),
  ]);
});
