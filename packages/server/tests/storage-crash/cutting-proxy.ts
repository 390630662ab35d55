import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** When the connection is to be lost: before the server gets the commit, or before the client hears that it is done. */
export type Cut = 'before-commit' | 'after-commit';

export interface CuttingProxy {
  /** The same database, reached through the proxy. */
  readonly url: string;
  /** The next commit cuts its connection. */
  cutNext(cut: Cut): void;
  /** How many connections were cut. */
  readonly cuts: () => number;
  close(): void;
}

/** Stands between PostgreSQL and its client, and loses the connection at the worst moments. */
export async function startCuttingProxy(url: string): Promise<CuttingProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let next: Cut | undefined;
  let cuts = 0;

  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    let isCutting = false;
    function lose(): void {
      client.destroy();
      database.destroy();
    }
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', lose);
      socket.on('close', lose);
    }
    client.on('data', (chunk) => {
      if (next === undefined || !chunk.includes('commit\0')) {
        database.write(chunk);
        return;
      }
      cuts++;
      isCutting = true;
      if (next === 'after-commit') database.write(chunk);
      else lose();
      next = undefined;
    });
    database.on('data', (chunk) => {
      if (!isCutting) client.write(chunk);
      // The server answers a commit with ROLLBACK when a statement before it failed.
      else if (chunk.includes('COMMIT\0') || chunk.includes('ROLLBACK\0')) lose();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const through = new URL(url);
  through.port = String((server.address() as AddressInfo).port);
  return {
    url: through.href,
    cutNext: (cut) => {
      next = cut;
    },
    cuts: () => cuts,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
