import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BlobStore } from '../src/platform/blob-store.ts';
import { createMemoryBlobStore } from './support/memory-blob-store.ts';
import { createTestServer, type TestServer } from './support/test-server.ts';

/** Over a real connection: what `inject` hands over comes at once, and whole. */

const LIMIT_BYTES = 1_000_000;
const UPLOAD = '/_matrix/media/v3/upload';

let server: TestServer;
let url: URL;
let token: string;
let largestPiece: number;
let sockets: Socket[];

beforeEach(async () => {
  largestPiece = 0;
  sockets = [];
  server = await createTestServer({
    blobStore: watched(createMemoryBlobStore()),
    config: { listeners: [{ port: 0 }], media: { max_upload_bytes: LIMIT_BYTES } },
  });
  const [address = ''] = await server.server.start();
  url = new URL(address);
  token = (await server.createUser('alice')).accessToken;
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.stop();
});

function watched(store: BlobStore): BlobStore {
  return {
    ...store,
    put: (name, content) =>
      store.put(
        name,
        (async function* () {
          for await (const piece of content) {
            largestPiece = Math.max(largestPiece, piece.length);
            yield piece;
          }
        })(),
      ),
  };
}

/** Begins an upload; gives the connection and all that is answered on it. */
function begin(...headers: string[]): { socket: Socket; answer: () => string } {
  const socket = connect(Number(url.port), url.hostname);
  sockets.push(socket);
  let text = '';
  socket.on('data', (data) => {
    text += data.toString();
  });
  // A server that has refused may cut the connection while we still send.
  socket.on('error', () => {});
  socket.write(
    [`POST ${UPLOAD} HTTP/1.1`, 'Host: localhost', `Authorization: Bearer ${token}`, ...headers, '', ''].join('\r\n'),
  );
  return { socket, answer: () => text };
}

function blobs(): Promise<{ blob: string }[]> {
  return server.storage.read({ text: 'select blob from unowned_blobs' }, {});
}

async function media(): Promise<number> {
  return (await server.storage.read({ text: 'select media_id from media' }, {})).length;
}

test('an upload goes on piece by piece, as it comes', async () => {
  const body = Buffer.alloc(LIMIT_BYTES, 'x');
  const answer = await fetch(new URL(UPLOAD, url), {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/plain' },
  });
  expect(answer.status).toBe(200);
  expect(largestPiece).toBeGreaterThan(0);
  expect(largestPiece).toBeLessThan(LIMIT_BYTES / 4);
  const { content_uri: uri } = (await answer.json()) as { content_uri: string };
  const path = `/_matrix/client/v1/media/download/${uri.slice('mxc://'.length)}`;
  const got = await fetch(new URL(path, url), { headers: { authorization: `Bearer ${token}` } });
  expect(Buffer.from(await got.arrayBuffer()).equals(body)).toBe(true);
});

test('one whose length says that it is too long is refused before any of it comes', async () => {
  const { answer } = begin(`Content-Length: ${LIMIT_BYTES + 1}`);
  await expect.poll(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*"M_TOO_LARGE"/);
  expect(largestPiece).toBe(0);
});

test('one without an end is refused at the limit', async () => {
  const { socket, answer } = begin('Transfer-Encoding: chunked');
  const piece = `${(10_000).toString(16)}\r\n${'x'.repeat(10_000)}\r\n`;
  for (let sent = 0; sent <= LIMIT_BYTES; sent += 10_000) socket.write(piece);
  await expect.poll(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*"M_TOO_LARGE"/);
  expect(await media()).toBe(0);
});

test('one that breaks off is nothing', async () => {
  const { socket } = begin('Content-Length: 1000');
  socket.write('x'.repeat(500));
  await expect.poll(() => largestPiece).toBe(500);
  socket.destroy();
  // What is written of it is on the list of what is to be removed, and another upload goes well.
  await expect.poll(async () => (await blobs()).length).toBe(1);
  expect(await media()).toBe(0);
  const answer = await fetch(new URL(UPLOAD, url), {
    method: 'POST',
    body: 'whole',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(200);
  expect(await media()).toBe(1);
});
