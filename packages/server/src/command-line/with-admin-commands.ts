import type { Config } from '../config.ts';
import { callControlSocket } from '../platform/node/control-socket.ts';
import type { Platform } from '../platform/platform.ts';
import type { AdminCommands } from './admin-commands.ts';
import { remoteAdminCommands } from './admin-protocol.ts';
import { controlSocketPath } from './data-paths.ts';

/**
 * Runs `use` with the commands of this server: the running one, if it runs; else of one that opens the database for
 * this long and takes no requests. Two processes never write at once, because whoever has the storage has it locked.
 *
 * @throws DatabaseUnusable when another process has the database and does not listen.
 */
export async function withAdminCommands<T>(
  config: Config,
  platform: Platform,
  use: (commands: AdminCommands) => Promise<T>,
): Promise<T> {
  const path = controlSocketPath(config);
  // An empty request asks whether somebody is there.
  if ((await callControlSocket(path, '')) !== undefined) {
    return use(remoteAdminCommands((request) => callRunning(path, request)));
  }
  // A whole server takes longer to load than the question above takes to be answered.
  const { withOwnServer } = await import('./with-own-server.ts');
  return withOwnServer(config, platform, use);
}

async function callRunning(path: string, request: string): Promise<string> {
  const answer = await callControlSocket(path, request);
  return answer ?? JSON.stringify({ error: 'The server stopped meanwhile. Run the command again.' });
}
