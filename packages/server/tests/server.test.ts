import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { connect } from 'node:net';
import { json } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { readTlsFiles } from '../src/command-line/read-config-file.ts';
import { readConfig } from '../src/config.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer, type TestServerOptions } from './support/test-server.ts';

const servers: TestServer[] = [];

function fixture(name: string): string {
  return fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
}

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  const server = await createTestServer({ seed: servers.length + 1, ...options });
  servers.push(server);
  return server;
}

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

describe('what the server says of itself', () => {
  test('versions from 1.1 to 1.18, and sticky events only when they are on', async () => {
    const on = await (await start()).ok('GET', '/_matrix/client/versions');
    expect(on.versions).toEqual(expect.arrayContaining(['v1.1', 'v1.12', 'v1.18']));
    expect(on.unstable_features).toMatchObject({ 'org.matrix.msc4354': true, 'org.matrix.simplified_msc3575': true });
    const off = await start({ config: { sticky_events: { enabled: false } } });
    const { unstable_features } = await off.ok('GET', '/_matrix/client/versions');
    expect(unstable_features).not.toHaveProperty(['org.matrix.msc4354']);
  });

  test.each([
    [{}, { host: '127.0.0.1:8008' }, 'http://127.0.0.1:8008'],
    [{}, { host: 'a b"<' }, 'http://localhost'],
    [{ public_url: 'https://matrix.example.org/' }, { host: 'other' }, 'https://matrix.example.org'],
  ])('where clients find it: %j %j', async (config, headers, baseUrl) => {
    const server = await start({ config });
    const { body } = await server.request('GET', '/.well-known/matrix/client', { headers });
    expect(body['m.homeserver']).toEqual({ base_url: baseUrl });
  });

  test('capabilities, to who is logged in', async () => {
    const server = await start();
    const { accessToken } = await server.createUser('alice');
    const { capabilities } = await server.ok('GET', '/_matrix/client/v3/capabilities', { token: accessToken });
    expect(capabilities).toMatchObject({
      'm.room_versions': { default: '12', available: { '1': 'stable', '12': 'stable' } },
      'm.change_password': { enabled: true },
      'm.profile_fields': { enabled: true },
    });
    expect((await server.request('GET', '/_matrix/client/v3/capabilities')).status).toBe(401);
  });

  test('what is not there yet is 404 before authentication', async () => {
    const { status, body } = await (await start()).request('GET', '/_matrix/client/v1/nobody/knows');
    expect([status, body.errcode]).toEqual([404, 'M_UNRECOGNIZED']);
  });
});

test('two servers in one process know nothing of each other', async () => {
  const [first, second] = [await start(), await start({ config: { server_name: 'other.example' } })];
  const alice = await first.createUser('alice');
  const otherAlice = await second.createUser('alice');
  expect([alice.userId, otherAlice.userId]).toEqual(['@alice:localhost', '@alice:other.example']);
  const path = '/_matrix/client/v3/account/whoami';
  expect((await first.ok('GET', path, { token: alice.accessToken })).user_id).toBe(alice.userId);
  expect((await second.request('GET', path, { token: alice.accessToken })).body.errcode).toBe('M_UNKNOWN_TOKEN');
});

test('time is what the test says', async () => {
  const world = createManualWorld();
  const limits = { general: { burst: 1, perSecond: 1 } };
  const server = await start({ world, config: { rate_limits: { enabled: true } }, rateLimits: limits });
  const ask = async () => (await server.request('GET', '/_matrix/client/versions')).status;
  expect([await ask(), await ask()]).toEqual([200, 429]);
  world.advance(999);
  expect(await ask()).toBe(429);
  world.advance(1);
  expect(await ask()).toBe(200);
});

describe('listeners', () => {
  test('speak TLS with the certificate of the configuration', async () => {
    const tls = { certificate: fixture('localhost-cert.pem'), private_key: fixture('localhost-key.pem') };
    const config = { listeners: [{ port: 0, tls }] };
    const { server } = await start({ config, tls: readTlsFiles(readConfig(config, '/')) });
    const [url = ''] = await server.start();
    expect(url).toMatch(/^https:/);
    const ca = readFileSync(tls.certificate);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      get(`${url}/.well-known/matrix/client`, { ca, agent: false }, resolve).once('error', reject);
    });
    expect(await json(response)).toEqual({ 'm.homeserver': { base_url: url } });
  });

  test('refuse a key that does not belong to the certificate', () => {
    const tls = { certificate: fixture('localhost-cert.pem'), private_key: fixture('localhost-cert.pem') };
    const config = readConfig({ listeners: [{ port: 0, tls }] }, '/');
    expect(() => readTlsFiles(config)).toThrow('"listeners[0].tls": certificate and private_key must be PEM files');
  });

  test('serve what they are told to, and headers beyond the limit are answered', async () => {
    const config = { listeners: [{ port: 0 }, { port: 0, serves: ['federation'] }] };
    const { server } = await start({ config });
    const [both = '', federation = ''] = await server.start();
    expect((await fetch(`${both}/_matrix/client/versions`)).status).toBe(200);
    expect((await fetch(`${federation}/_matrix/client/versions`)).status).toBe(404);
    const long = await fetch(`${both}/_matrix/client/versions?since=${'x'.repeat(8_000)}`);
    expect(long.status).toBe(200);
    const tooLong = await fetch(`${both}/_matrix/client/versions?since=${'x'.repeat(70_000)}`);
    expect([tooLong.status, tooLong.headers.get('access-control-allow-origin')]).toEqual([431, '*']);
  });

  test('answer what is not HTTP with 400', async () => {
    const { server } = await start({ config: { listeners: [{ port: 0 }] } });
    const [url = ''] = await server.start();
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write('nonsense\r\n\r\n');
    const chunks: Buffer[] = [];
    for await (const chunk of socket) {
      chunks.push(chunk);
    }
    expect(Buffer.concat(chunks).toString()).toMatch(/^HTTP\/1\.1 400 [\s\S]*"errcode":"M_UNKNOWN"/);
  });

  test('name the port that is in use', async () => {
    const first = await start({ config: { listeners: [{ port: 0 }] } });
    const [url = ''] = await first.server.start();
    const port = Number(new URL(url).port);
    const second = await start({ config: { listeners: [{ port }] } });
    await expect(second.server.start()).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use.`);
  });
});
