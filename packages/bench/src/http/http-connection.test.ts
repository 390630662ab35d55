import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { HttpConnection } from './http-connection.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

describe('a connection', () => {
  test('is kept for the next request, and sends token, path and body', async () => {
    const seen: unknown[] = [];
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (piece) => {
        body += piece;
      });
      request.on('end', () => {
        seen.push([request.method, request.url, request.headers.authorization, body, request.socket.remotePort]);
        response.end('{}');
      });
    });
    const connection = new HttpConnection(new URL(`${url}base/`), 'secret');
    await connection.request({ method: 'PUT', path: '/a?b=c', body: '{"x":"é"}' });
    await connection.request({ method: 'GET', path: '/d' });
    connection.close();
    const port = (seen[0] as unknown[])[4];
    expect(seen).toEqual([
      ['PUT', '/base/a?b=c', 'Bearer secret', '{"x":"é"}', port],
      ['GET', '/base/d', 'Bearer secret', '', port],
    ]);
  });

  test('that the server closed while idle is opened again', async () => {
    let count = 0;
    const url = await serve((request, response) => {
      count++;
      response.end('{}');
      // Without a "Connection: close": the client learns of it when it writes.
      response.on('finish', () => request.socket.destroy());
    });
    const connection = new HttpConnection(url);
    expect((await connection.request({ method: 'GET', path: '/' })).status).toBe(200);
    expect((await connection.request({ method: 'GET', path: '/' })).status).toBe(200);
    connection.close();
    expect(count).toBe(2);
  });

  test('that breaks in the middle of an answer is a fault, not another request', async () => {
    let count = 0;
    const url = await serve((request, response) => {
      count++;
      response.writeHead(200, { 'content-length': 100 });
      response.write('half', () => request.socket.destroy());
    });
    await expect(new HttpConnection(url).request({ method: 'GET', path: '/' })).rejects.toThrow('closed');
    expect(count).toBe(1);
  });

  test('to nobody is a fault that names the address', async () => {
    const connection = new HttpConnection(new URL('http://127.0.0.1:1'));
    await expect(connection.request({ method: 'GET', path: '/' })).rejects.toThrow(/127\.0\.0\.1:1: .*ECONNREFUSED/);
  });
});

async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}
