import { dirname } from 'node:path';
import type { Config } from '../config.ts';
import { createServer, type Server } from '../create-server.ts';
import type { TlsFiles } from '../http/create-http-app.ts';
import { listenFault } from '../http/listen.ts';
import { openSigningKey } from '../platform/key-file.ts';
import { createNodeBlobStore } from '../platform/node/blob-store.ts';
import { type ControlSocket, isSocketPathUsable, listenOnControlSocket } from '../platform/node/control-socket.ts';
import { nodeKeyFile } from '../platform/node/key-file.ts';
import { probePort } from '../platform/node/probe-port.ts';
import { releaseStartMemory } from '../platform/node/release-start-memory.ts';
import type { Platform } from '../platform/platform.ts';
import type { Terminal } from '../platform/terminal.ts';
import { openStorage } from '../storage/open-storage.ts';
import { answerAdminRequest } from './admin-protocol.ts';
import { controlSocketPath, mediaPath, signingKeyPath } from './data-paths.ts';

export interface ServeParts {
  readonly config: Config;
  readonly platform: Platform;
  readonly terminal: Terminal;
  readonly tls: ReadonlyMap<number, TlsFiles>;
  /** Kept when the operator or the system asks the process to stop. */
  readonly untilStopped: Promise<string>;
}

/**
 * Runs the server until it is asked to stop, then ends it in order: no new connections, an answer to all who wait, what
 * is pending written. Throws DatabaseUnusable and ListenFault, whose messages are for the operator.
 */
export async function serve({ config, platform, terminal, tls, untilStopped }: ServeParts): Promise<void> {
  await checkPorts(config);
  const storage = await openStorage(config.database, platform);
  try {
    const signingKey = openSigningKey(nodeKeyFile(signingKeyPath(config)), platform.random);
    const blobStore = createNodeBlobStore(mediaPath(config));
    const { oldKeys } = signingKey;
    const server = await createServer({ config, platform, storage, blobStore, signingKey, oldKeys, tls });
    let control: ControlSocket | undefined;
    try {
      const urls = await server.start();
      control = await openControlSocket(config, server, platform);
      await greet({ config, server, terminal, urls });
      releaseStartMemory();
      const signal = await untilStopped;
      platform.log.info('Stopping', { signal });
    } finally {
      await control?.close();
      await server.stop();
    }
  } finally {
    await storage.close();
  }
  platform.log.info('Stopped');
}

/** Before anything is begun. Somebody may still take one meanwhile; then opening the listener fails the same way. */
async function checkPorts({ listeners }: Config): Promise<void> {
  for (const listener of listeners) {
    const error = await probePort(listener.address, listener.port);
    if (error !== undefined) {
      throw listenFault(error, listener);
    }
  }
}

async function openControlSocket(
  config: Config,
  { admin }: Server,
  { log }: Platform,
): Promise<ControlSocket | undefined> {
  const path = controlSocketPath(config);
  if (!isSocketPathUsable(path)) {
    log.warn('The data path is too long for a socket: stop the server before you use "limpet user"', { path });
    return undefined;
  }
  return listenOnControlSocket(path, (message) => answerAdminRequest(admin, message, log));
}

interface Greeting {
  readonly config: Config;
  readonly server: Server;
  readonly terminal: Terminal;
  readonly urls: readonly string[];
}

/** What a newcomer wants to know: where it is, where the data are, how to make the first account. */
async function greet({ config, server, terminal, urls }: Greeting): Promise<void> {
  const lines = [
    `Limpet serves ${config.serverName} on ${urls.join(' and ')}`,
    `Data are in ${dataPlaces(config)}`,
    ...(await firstAccount(config, server)),
  ];
  for (const line of lines) {
    terminal.print(line);
  }
}

function dataPlaces({ database, dataPath }: Config): string {
  if ('postgres' in database) {
    return `PostgreSQL and ${dataPath}`;
  }
  const { path } = database.sqlite;
  return dirname(path) === dataPath ? dataPath : `${path} and ${dataPath}`;
}

async function firstAccount({ registration }: Config, { services }: Server): Promise<string[]> {
  const token = await services.accounts.registrationTokens.renewFirst();
  if (token === undefined) {
    return [];
  }
  return [
    'Nobody has an account yet. Make the first one, an administrator, in one of two ways:',
    '  npm run limpet -- user create NAME --admin',
    `  or register with a Matrix client; the registration token, good for once, is ${token}`,
    registration.mode === 'open' ? 'Anyone may register here' : `Registration is ${REGISTRATION[registration.mode]}`,
  ];
}

const REGISTRATION = { closed: 'closed to everybody else', token: 'open to who has a registration token' } as const;
