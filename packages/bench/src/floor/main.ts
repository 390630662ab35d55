import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GroupCommitter } from './group-committer.ts';
import { RowMaker } from './row-maker.ts';

/**
 * The floor: the least that any homeserver on this runtime has to do for a sent event, and nothing of Matrix. Each POST
 * is parsed, hashed twice, signed, committed with an fsync together with whatever else waits, and then answered. Its
 * rate is the ceiling of every server written this way; its latency is the floor.
 *
 * Arguments: the file of the database. It prints its address, and ends when its standard input does.
 */

/** A path that is answered at once: what the bench itself can drive. */
const EMPTY_PATH = '/empty';

const EMPTY_ANSWER = '{}';

const [databasePath] = process.argv.slice(2);
if (databasePath === undefined) throw new Error('The floor program needs the path of its database');

const rows = new RowMaker();
const committer = new GroupCommitter(databasePath);

const server = createServer((request, response) => {
  if (request.url === EMPTY_PATH) {
    request.resume();
    request.on('end', () => answer(response, 200, EMPTY_ANSWER));
  } else {
    readBody(request, (body) => take(body, response));
  }
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`The floor program listens on http://127.0.0.1:${port}\n`);
});

process.stdin.resume();
process.stdin.on('end', stop);
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

function stop(): void {
  server.close();
  server.closeAllConnections();
  process.stdin.destroy();
  void committer.close();
}

function take(body: Buffer, response: ServerResponse): void {
  let row: ReturnType<RowMaker['make']>;
  try {
    row = rows.make(body);
  } catch (error) {
    answer(response, 400, JSON.stringify({ error: (error as Error).message }));
    return;
  }
  committer.commit(row, () => answer(response, 200, `{"event_id":"${row.id}"}`));
}

function readBody(request: IncomingMessage, use: (body: Buffer) => void): void {
  const pieces: Buffer[] = [];
  request.on('data', (piece: Buffer) => pieces.push(piece));
  request.on('end', () => use(pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)));
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
  response.end(text);
}
