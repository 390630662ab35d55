import { chmodSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';

/** Longest message either way: a list of some hundred thousand users. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** The path of a socket has to fit in a field of 108 bytes; macOS has 104. */
const MAX_SOCKET_PATH_BYTES = 103;
/** How long the command line waits for the running server. */
const ANSWER_TIMEOUT_MS = 60_000;

export interface ControlSocket {
  close(): Promise<void>;
}

export function isSocketPathUsable(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES;
}

/**
 * Answers one message a connection on a Unix socket that only its owner may open. The caller holds the lock of the
 * database, so a socket that is there already was left by a process that died.
 */
export async function listenOnControlSocket(
  path: string,
  answer: (message: string) => Promise<string>,
): Promise<ControlSocket> {
  rmSync(path, { force: true });
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    readAll(socket)
      .then(answer)
      .then(
        (reply) => void socket.end(reply),
        () => void socket.destroy(),
      );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return { close: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Sends one message and gives the answer; `undefined` when nobody listens there. */
export async function callControlSocket(path: string, message: string): Promise<string | undefined> {
  if (!isSocketPathUsable(path)) {
    return undefined;
  }
  const socket = connect({ path, allowHalfOpen: true });
  const isConnected = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  if (!isConnected) {
    return undefined;
  }
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('The running server does not answer')));
  socket.end(message);
  return readAll(socket);
}

/** All that the other side says before it ends its half. Iterating would close our half, too. */
function readAll(socket: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_MESSAGE_BYTES) {
        socket.destroy(new Error(`The message is longer than ${MAX_MESSAGE_BYTES} bytes`));
      }
    });
    socket.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('The connection closed')));
  });
}
