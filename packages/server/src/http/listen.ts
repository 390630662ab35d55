import type { FastifyInstance } from 'fastify';
import type { ListenerConfig } from '../config.ts';

/** A listener cannot be opened. The message is one line that names the port and says what to do; exit status 2. */
export class ListenFault extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'ListenFault';
  }
}

/** Opens the listener, and gives the URL that it is reached by on this machine. Throws ListenFault. */
export async function listen(app: FastifyInstance, listener: ListenerConfig): Promise<string> {
  try {
    await app.listen({ host: listener.address, port: listener.port });
  } catch (error) {
    throw listenFault(error, listener);
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : listener.port;
  const host = listener.address.includes(':') ? `[${listener.address}]` : listener.address;
  return `${listener.tls === undefined ? 'http' : 'https'}://${host}:${port}`;
}

/** What an error of opening this listener comes down to. */
export function listenFault(error: unknown, listener: ListenerConfig): ListenFault {
  return new ListenFault(`${reasonOf(error, listener)}, under "listeners" in the configuration`, error);
}

function reasonOf(error: unknown, { address, port }: ListenerConfig): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} on ${address} is in use. Stop the program that has it, or choose another port`;
    case 'EACCES':
      return `This user may not listen on port ${port} of ${address}. Choose a port from 1024 on`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${address} (port ${port}) is no address of this machine. Choose another address`;
    default:
      return `Port ${port} on ${address} cannot be opened (${String(code ?? error)}). Choose another one`;
  }
}
