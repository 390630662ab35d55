import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Dns } from '../dns.ts';
import type { OutboundHttp, OutboundRequest } from '../outbound-http.ts';
import { createNodeOutboundHttp, type OutboundHttpOptions } from './outbound-http.ts';
import { isPrivateAddress } from './private-addresses.ts';

const CERTIFICATE = fixture('localhost-cert.pem');
const PRIVATE_KEY = fixture('localhost-key.pem');

const servers: (Server | TcpServer)[] = [];
const sockets = new Set<Socket>();
/** Names that the tests' name server knows. */
let addresses: Record<string, readonly string[]> = {};

afterEach(async () => {
  addresses = {};
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

function fixture(name: string): string {
  return readFileSync(new URL(`../../../tests/fixtures/${name}`, import.meta.url), 'utf8');
}

async function listen(server: Server | TcpServer): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function serve(answer: RequestListener): Promise<number> {
  return listen(createHttpServer(answer));
}

/** What a server sends that is none. */
function speak(talk: (socket: Socket) => void): Promise<number> {
  return listen(createTcpServer((socket) => void socket.once('data', () => talk(socket))));
}

function create(options: Partial<OutboundHttpOptions> = {}): OutboundHttp {
  const dns: Dns = { addresses: async (name) => addresses[name] ?? [], services: async () => [] };
  return createNodeOutboundHttp(
    { certificateAuthorities: [], allowPrivateAddresses: true, fixedUrls: [], ...options },
    dns,
  );
}

function get(url: string, more: Partial<OutboundRequest> = {}, http = create()) {
  return http.send({ method: 'GET', url, headers: {}, timeoutMs: 10_000, maxBytes: 1_000, ...more });
}

describe('a request', () => {
  test('brings method, path, headers and body there, under the host that it names, and the answer back', async () => {
    const port = await serve((request, response) => {
      const seen: Buffer[] = [];
      request.on('data', (chunk) => seen.push(chunk));
      request.on('end', () => {
        response.writeHead(418, { 'X-Seen': request.headers['x-sent'] ?? '', 'Set-Cookie': ['a', 'b'] });
        response.end(`${request.method} ${request.url} ${request.headers.host} ${Buffer.concat(seen)}`);
      });
    });
    const answer = await get(`http://127.0.0.1:${port}/a%2Fb?c=%20`, {
      method: 'PUT',
      host: 'example.org',
      headers: { 'x-sent': 'yes' },
      body: '{"é":1}',
    });
    expect({ ...answer, body: Buffer.from(answer.body).toString() }).toMatchObject({
      status: 418,
      headers: { 'x-seen': 'yes', 'set-cookie': 'a, b' },
      body: 'PUT /a%2Fb?c=%20 example.org {"é":1}',
    });
  });

  test('uses a connection again', async () => {
    let connections = 0;
    const server = createHttpServer((_request, response) => response.end());
    server.on('connection', () => connections++);
    const url = `http://127.0.0.1:${await listen(server)}/`;
    const http = create();
    for (let count = 0; count < 20; count++) await get(url, {}, http);
    // A request right after another may come before the first connection is free.
    expect(connections).toBeLessThanOrEqual(2);
  });

  test('tries the addresses of a name until one answers', async () => {
    const port = await serve((_request, response) => response.end());
    addresses = { 'several.test': ['127.0.0.2', '127.0.0.1'] };
    expect((await get(`http://several.test:${port}/`)).status).toBe(200);
  });
});

describe('what hostile servers do', () => {
  test('an endless body ends at its limit, and no more of it is read', async () => {
    let isClosed = false;
    const port = await serve((_request, response) => {
      const write = () => {
        while (!isClosed && response.write('x'.repeat(1_000)));
      };
      response.on('drain', write).on('close', () => {
        isClosed = true;
      });
      write();
    });
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ kind: 'too-large' });
    await expect.poll(() => isClosed).toBe(true);
  });

  test('one byte more than the limit is too much, the limit is not', async () => {
    const port = await serve((request, response) => response.end('x'.repeat(Number(request.url?.slice(1)))));
    expect((await get(`http://127.0.0.1:${port}/1000`)).body).toHaveLength(1_000);
    await expect(get(`http://127.0.0.1:${port}/1001`)).rejects.toMatchObject({ kind: 'too-large' });
  });

  test.each<[string, (socket: Socket) => void]>([
    ['no answer at all', () => undefined],
    ['a head that comes a byte at a time', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX: ')],
    ['a body that comes a byte at a time', (socket) => drip(socket, 'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n')],
  ])('%s ends when its time is up', async (_what, talk) => {
    const port = await speak(talk);
    await expect(get(`http://127.0.0.1:${port}/`, { timeoutMs: 200 })).rejects.toMatchObject({ kind: 'timeout' });
  });

  test('a connection that is refused, or closed without an answer, is no answer', async () => {
    const closing = await speak((socket) => socket.destroy());
    await expect(get(`http://127.0.0.1:${closing}/`)).rejects.toMatchObject({ kind: 'unreachable' });
    const [server] = servers.splice(0);
    await new Promise((resolve) => server?.close(resolve));
    await expect(get(`http://127.0.0.1:${closing}/`)).rejects.toMatchObject({ kind: 'unreachable' });
    await expect(get('http://unknown.test/')).rejects.toMatchObject({ kind: 'unreachable' });
  });

  test.each([
    ['another protocol', 'SSH-2.0-OpenSSH_9.9\r\n', 'not-http'],
    ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`, 'too-large'],
    ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort', 'unreachable'],
  ])('%s is no answer', async (_what, bytes, kind) => {
    const port = await speak((socket) => void socket.end(bytes));
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ kind });
  });

  test('who asked may give up', async () => {
    const controller = new AbortController();
    const port = await speak(() => controller.abort());
    const request = get(`http://127.0.0.1:${port}/`, { signal: controller.signal });
    await expect(request).rejects.toMatchObject({ kind: 'aborted' });
    await expect(get(`http://127.0.0.1:${port}/`, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      kind: 'aborted',
    });
  });
});

describe('redirects', () => {
  test('are followed as far as allowed, by GET, and without what says who we are', async () => {
    const seen: unknown[] = [];
    const port = await serve((request, response) => {
      const count = Number(request.url?.slice(1));
      seen.push([request.headers.authorization, request.headers.host]);
      if (count === 0) response.end('there');
      else response.writeHead(302, { location: `/${count - 1}` }).end();
    });
    const origin = `http://127.0.0.1:${port}`;
    const request = { headers: { authorization: 'secret' }, host: 'example.org', maxRedirects: 3 };
    expect((await get(`${origin}/3`, request)).status).toBe(200);
    expect(seen.map(String)).toEqual(['secret,example.org', ...Array(3).fill(`,127.0.0.1:${port}`)]);
    expect((await get(`${origin}/4`, request)).status).toBe(302);
    expect((await get(`${origin}/1`)).status).toBe(302);
    expect((await get(`${origin}/1`, { ...request, method: 'POST', body: '' })).status).toBe(302);
  });

  test('in a loop end', async () => {
    let requests = 0;
    const port = await serve((_request, response) => {
      requests++;
      response.writeHead(301, { location: '/' }).end();
    });
    expect((await get(`http://127.0.0.1:${port}/`, { maxRedirects: 5 })).status).toBe(301);
    expect(requests).toBe(6);
  });
});

describe('private addresses', () => {
  const forbidding = (options: Partial<OutboundHttpOptions> = {}) =>
    create({ allowPrivateAddresses: false, ...options });

  async function countingServer(): Promise<{ port: number; count(): number }> {
    let connections = 0;
    const server = createTcpServer(() => connections++);
    return { port: await listen(server), count: () => connections };
  }

  test.each(['127.0.0.1', '2130706433', '0x7f.1', '[::ffff:127.0.0.1]', 'inside.test', 'mixed.test'])(
    'nothing is sent to %s',
    async (host) => {
      addresses = { 'inside.test': ['127.0.0.1', '::1'], 'mixed.test': ['10.0.0.1', '127.0.0.1'] };
      const { port, count } = await countingServer();
      await expect(get(`http://${host}:${port}/`, {}, forbidding())).rejects.toMatchObject({
        kind: 'forbidden-address',
      });
      expect(count()).toBe(0);
    },
  );

  test('nor where a redirect leads there', async () => {
    const inside = await countingServer();
    const port = await serve((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${inside.port}/` }).end();
    });
    const http = forbidding({ fixedUrls: [`http://127.0.0.1:${port}`] });
    await expect(get(`http://127.0.0.1:${port}/`, { maxRedirects: 5 }, http)).rejects.toMatchObject({
      kind: 'forbidden-address',
    });
    expect(inside.count()).toBe(0);
  });

  test('are asked where the operator wrote them down', async () => {
    const port = await serve((_request, response) => response.end());
    const http = forbidding({ fixedUrls: [`http://127.0.0.1:${port}`] });
    expect((await get(`http://127.0.0.1:${port}/`, {}, http)).status).toBe(200);
  });

  test('are not asked by who may reach the public alone, and are by who may go anywhere', async () => {
    const port = await serve((_request, response) => response.end());
    const url = `http://127.0.0.1:${port}/`;
    const configured = create({ allowPrivateAddresses: true, fixedUrls: [url] });
    expect((await get(url, {}, configured)).status).toBe(200);
    await expect(get(url, { reach: 'public' }, configured)).rejects.toMatchObject({ kind: 'forbidden-address' });
    expect((await get(url, { reach: 'anywhere' }, forbidding())).status).toBe(200);
  });

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.255.255.255',
    '169.254.169.254',
    '172.31.0.1',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::7f00:1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'fc00::1',
    'fdff::1',
    'fe80::1%eth0',
    'ff02::1',
    'no address',
  ])('%s is one', (address) => {
    expect(isPrivateAddress(address)).toBe(true);
  });

  test.each(['1.1.1.1', '100.128.0.1', '172.32.0.1', '192.169.0.1', '::ffff:1.1.1.1', '64:ff9b::101:101', '2a00::1'])(
    '%s is none',
    (address) => {
      expect(isPrivateAddress(address)).toBe(false);
    },
  );
});

describe('TLS', () => {
  async function serveTls(): Promise<{ port: number; names: unknown[] }> {
    const names: unknown[] = [];
    const server = createHttpsServer({ cert: CERTIFICATE, key: PRIVATE_KEY }, (request, response) => {
      names.push('servername' in request.socket ? request.socket.servername : undefined);
      response.end();
    });
    return { port: await listen(server), names };
  }

  test('a certificate of nobody known is refused; of an authority of the configuration it is taken', async () => {
    const { port, names } = await serveTls();
    addresses = { localhost: ['127.0.0.1'] };
    await expect(get(`https://localhost:${port}/`)).rejects.toMatchObject({ kind: 'tls' });
    const http = create({ certificateAuthorities: [CERTIFICATE] });
    expect((await get(`https://localhost:${port}/`, {}, http)).status).toBe(200);
    expect(names).toEqual(['localhost']);
  });

  test('it has to be for the host that is asked for, wherever that is connected to', async () => {
    const { port, names } = await serveTls();
    addresses = { 'box.test': ['127.0.0.1'] };
    const http = create({ certificateAuthorities: [CERTIFICATE] });
    expect((await get(`https://box.test:${port}/`, { host: 'localhost' }, http)).status).toBe(200);
    await expect(get(`https://box.test:${port}/`, {}, http)).rejects.toMatchObject({ kind: 'tls' });
    await expect(get(`https://box.test:${port}/`, { host: 'example.org' }, http)).rejects.toMatchObject({
      kind: 'tls',
    });
    expect(names).toEqual(['localhost']);
  });
});

/** Sends a byte every 20 ms, for as long as it is let. */
function drip(socket: Socket, head: string): void {
  socket.write(head);
  const timer = setInterval(() => socket.write('x'), 20);
  socket.once('close', () => clearInterval(timer));
}
