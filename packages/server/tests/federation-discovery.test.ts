import { createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Dns, ServiceRecord } from '../src/platform/dns.ts';
import { createNodeOutboundHttp } from '../src/platform/node/outbound-http.ts';
import type { OutboundHttp } from '../src/platform/outbound-http.ts';
import { createManualWorld } from './support/manual-world.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

/**
 * Discovery over the real way out: a stranger who names our neighbours gets nothing sent to them.
 */
let server: TestServer | undefined;
let neighbour: Server;
let port: number;
let connections = 0;

beforeEach(async () => {
  connections = 0;
  neighbour = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => neighbour.listen(0, '127.0.0.1', resolve));
  const address = neighbour.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterEach(async () => {
  await server?.stop();
  await new Promise((resolve) => neighbour.close(resolve));
});

interface Hostile {
  /** What `hostile.test` says at its well-known address; without it, it says nothing. */
  readonly delegation?: string;
  readonly services?: readonly ServiceRecord[];
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly allowPrivateAddresses?: boolean;
}

async function ask(serverName: string, hostile: Hostile): Promise<unknown> {
  const dns: Dns = {
    addresses: async (name) => hostile.addresses?.[name] ?? [],
    services: async (name) => (name.startsWith('_matrix-fed._tcp.') ? (hostile.services ?? []) : []),
  };
  const { allowPrivateAddresses = false } = hostile;
  const options = { certificateAuthorities: [], allowPrivateAddresses, fixedUrls: [] };
  const wayOut = createNodeOutboundHttp(options, dns);
  const outboundHttp: OutboundHttp = {
    send: async (request) => {
      if (!request.url.startsWith('https://hostile.test/.well-known/')) return wayOut.send(request);
      const text = hostile.delegation === undefined ? '' : JSON.stringify({ 'm.server': hostile.delegation });
      return { status: text === '' ? 404 : 200, headers: {}, body: Buffer.from(text) };
    },
  };
  server = await createTestServer({ outboundHttp, dns, world: createManualWorld() });
  const request = { method: 'GET', path: '/_matrix/federation/v1/version' } as const;
  return server.server.services.remoteServers.request(serverName, request).catch((error) => error);
}

function service(target: string): ServiceRecord {
  return { target, port, priority: 1, weight: 1 };
}

test.each<[string, () => [serverName: string, hostile: Hostile]]>([
  ['its own name is one', () => [`127.0.0.1:${port}`, {}]],
  ['its own name is one in other words', () => [`[::ffff:7f00:1]:${port}`, {}]],
  ['its name leads to one', () => [`hostile.test:${port}`, { addresses: { 'hostile.test': ['127.0.0.1'] } }]],
  ['it delegates to one', () => ['hostile.test', { delegation: `127.0.0.1:${port}` }]],
  [
    'it delegates to a name that leads to one',
    () => ['hostile.test', { delegation: `inside.test:${port}`, addresses: { 'inside.test': ['127.0.0.1'] } }],
  ],
  ['its service is one', () => ['hostile.test', { services: [service('127.0.0.1')] }]],
  [
    'its service is a name that leads to one',
    () => ['hostile.test', { services: [service('inside.test')], addresses: { 'inside.test': ['127.0.0.1'] } }],
  ],
])('nothing is sent to a private address where %s', async (_how, make) => {
  const [serverName, hostile] = make();
  expect(await ask(serverName, hostile)).toMatchObject({
    kind: 'unreachable',
    message: expect.stringContaining('allow_private_addresses'),
  });
  expect(connections).toBe(0);
});

test('the same is asked where the configuration allows it', async () => {
  const failure = await ask('hostile.test', { services: [service('127.0.0.1')], allowPrivateAddresses: true });
  expect(failure).toMatchObject({ kind: 'unreachable' });
  expect(connections).toBe(1);
});

test('where the best way leads nowhere, the next is tried', async () => {
  const services = [
    { ...service('127.0.0.1'), port: 1 },
    { ...service('127.0.0.1'), priority: 2 },
  ];
  await ask('hostile.test', { services, allowPrivateAddresses: true });
  expect(connections).toBe(1);
});
