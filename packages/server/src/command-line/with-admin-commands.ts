import type { Config } from '../config.ts';
import { createServer } from '../create-server.ts';
import { openSigningKey } from '../platform/key-file.ts';
import { callControlSocket } from '../platform/node/control-socket.ts';
import { nodeKeyFile } from '../platform/node/key-file.ts';
import type { Platform } from '../platform/platform.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { AdminCommands } from './admin-commands.ts';
import { remoteAdminCommands } from './admin-protocol.ts';
import { controlSocketPath, signingKeyPath } from './data-paths.ts';

/**
 * Runs `use` with the commands of this server: the running one, if it runs; else of one that opens the database for
 * this long and takes no requests. Two processes never write at once, because the storage is locked by whoever has it.
 *
 * @throws DatabaseUnusable when another process has the database and does not listen.
 */
export async function withAdminCommands<T>(
  config: Config,
  platform: Platform,
  use: (commands: AdminCommands) => Promise<T>,
): Promise<T> {
  const path = controlSocketPath(config);
  if ((await callControlSocket(path, '')) !== undefined) {
    return use(remoteAdminCommands((request) => callRunning(path, request)));
  }
  const storage = await openStorage(config.database, platform);
  try {
    const signingKey = openSigningKey(nodeKeyFile(signingKeyPath(config)), platform.random);
    const server = await createServer({ config, platform, storage, signingKey });
    const result = await use(server.admin);
    await server.stop();
    return result;
  } finally {
    await storage.close();
  }
}

async function callRunning(path: string, request: string): Promise<string> {
  const answer = await callControlSocket(path, request);
  if (answer === undefined) {
    throw new Error('The server stopped meanwhile. Run the command again');
  }
  return answer;
}
