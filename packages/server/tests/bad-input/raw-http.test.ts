import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Log } from '../../src/platform/log.ts';
import { silentLog } from '../support/silent-log.ts';
import { createTestServer, type TestServer } from '../support/test-server.ts';

/** What no well-behaved client sends, over a real socket. */

let server: TestServer;
let port: number;
let token: string;

/** None of this is a fault of the server. */
const errors: string[] = [];
const log: Log = { ...silentLog, error: (message) => void errors.push(message), with: () => log };

beforeAll(async () => {
  server = await createTestServer({ config: { listeners: [{ port: 0 }] }, log });
  const [url = ''] = await server.server.start();
  port = Number(new URL(url).port);
  token = (await server.createUser('alice')).accessToken;
});

afterAll(() => server.stop());

afterEach(() => {
  expect(errors.splice(0)).toEqual([]);
});

/** The bytes that come back until the server closes the connection. */
async function raw(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for (const part of parts) socket.write(part);
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of socket) chunks.push(chunk);
  } catch (error) {
    // The server may close while we still write.
    if (chunks.length === 0) throw error;
  }
  return Buffer.concat(chunks).toString();
}

function request(line: string, headers: readonly string[] = [], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers, '', body].join('\r\n');
}

const VERSIONS = '/_matrix/client/versions';

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1]);
}

test.each<[string, string, number]>([
  ['a trailing slash', `GET ${VERSIONS}/`, 404],
  ['two slashes', `GET /${VERSIONS}`, 404],
  ['other case', `GET ${VERSIONS.toUpperCase()}`, 404],
  ['dots', 'GET /_matrix/client/v3/rooms/../sync', 404],
  ['encoded dots', 'GET /_matrix/client/v3/rooms/%2e%2e/sync', 404],
  ['a bad escape', `GET ${VERSIONS}%`, 400],
  ['a bad escape in nothing that is known', 'GET /%', 400],
  ['no path', 'GET *', 404],
  ['a fragment', `GET ${VERSIONS}#x`, 200],
  ['a backslash', 'GET \\_matrix\\client\\versions', 400],
  ['an unknown method', `PROPFIND ${VERSIONS}`, 405],
  ['TRACE', `TRACE ${VERSIONS}`, 405],
  ['PATCH', `PATCH ${VERSIONS}`, 405],
  ['PATCH of nothing', 'PATCH /_matrix/client/v3/nothing', 404],
  ['a method that is none', `GETX ${VERSIONS}`, 400],
])('%s: %s', async (_what, line, status) => {
  const answer = await raw(request(line));
  expect([line, statusOf(answer)]).toEqual([line, status]);
  expect(answer.toLowerCase()).toContain('access-control-allow-origin: *');
  if (status !== 200) expect(answer).toMatch(/"errcode":"M_[A-Z_]+","error":"[^"]+ /);
});

test.each<[string, readonly string[], number]>([
  ['no scheme', ['Authorization: TOKEN'], 401],
  ['another scheme', ['Authorization: Basic TOKEN'], 401],
  ['only the scheme', ['Authorization: Bearer'], 401],
  ['two words', ['Authorization: Bearer TOKEN x'], 401],
  ['nothing', ['Authorization:'], 401],
  ['two headers, of which the first counts', ['Authorization: Bearer TOKEN', 'Authorization: Bearer x'], 200],
  ['other case', ['aUTHORIZATION: bEARER TOKEN'], 200],
])('an Authorization header with %s', async (_what, headers, status) => {
  const filled = headers.map((header) => header.replace('TOKEN', token));
  const answer = await raw(request('GET /_matrix/client/v3/account/whoami', filled));
  expect(statusOf(answer)).toBe(status);
});

test.each<[string, readonly string[], string, number]>([
  ['two lengths', ['Content-Length: 2', 'Content-Length: 3'], '{}', 400],
  ['a length and chunks', ['Content-Length: 2', 'Transfer-Encoding: chunked'], '2\r\n{}\r\n0\r\n\r\n', 400],
  ['a length that is none', ['Content-Length: x'], '{}', 400],
  ['a negative length', ['Content-Length: -1'], '{}', 400],
  ['a header without a name', [': x'], '', 400],
  ['NUL in a header', ['X-Test: a\0b'], '', 400],
  ['chunks that are none', ['Transfer-Encoding: chunked'], 'zz\r\n{}\r\n0\r\n\r\n', 400],
])('a request with %s', async (_what, headers, body, status) => {
  const line = 'PUT /_matrix/client/v3/profile/@alice:localhost/displayname';
  const answer = await raw(request(line, [`Authorization: Bearer ${token}`, ...headers], body));
  expect(statusOf(answer)).toBe(status);
  expect(answer.toLowerCase()).toContain('access-control-allow-origin: *');
});

test('a body that is compressed is not JSON; one in chunks beyond the limit is too large', async () => {
  const line = 'PUT /_matrix/client/v3/profile/@alice:localhost/displayname';
  const headers = [`Authorization: Bearer ${token}`];
  const packed = gzipSync('{"displayname":"Alice"}');
  const length = [...headers, `Content-Length: ${packed.length}`, 'Content-Encoding: gzip'];
  expect(await raw(request(line, length), packed)).toMatch(/^HTTP\/1\.1 400 [\s\S]*"errcode":"M_NOT_JSON"/);
  const chunk = 'x'.repeat(100_000);
  const chunks = `${chunk.length.toString(16)}\r\n${chunk}\r\n`.repeat(12);
  const large = await raw(request(line, [...headers, 'Transfer-Encoding: chunked'], `${chunks}0\r\n\r\n`));
  expect(large).toMatch(/^HTTP\/1\.1 413 [\s\S]*"errcode":"M_TOO_LARGE"/);
});

test('a client that goes away in the middle of its body leaves nothing behind, and the server goes on', async () => {
  const { batches } = server.storage.tally;
  for (let count = 0; count < 20; count++) {
    const socket = connect(port, '127.0.0.1');
    const headers = [`Authorization: Bearer ${token}`, 'Content-Length: 1000'];
    const line = 'PUT /_matrix/client/v3/profile/@alice:localhost/displayname';
    await new Promise<void>((resolve) => socket.write(request(line, headers, '{"displayname":"Al'), () => resolve()));
    socket.destroy();
  }
  expect(statusOf(await raw(request(`GET ${VERSIONS}`)))).toBe(200);
  expect(server.storage.tally.batches).toBe(batches);
});

test('requests in one pipe are answered in their order', async () => {
  const one = `GET ${VERSIONS} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const none = 'GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const answer = await raw(`${one}${none}`.repeat(10), request(`GET ${VERSIONS}`));
  const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1]);
  expect(statuses).toEqual([...Array(10).fill(['200', '404']).flat(), '200']);
});
