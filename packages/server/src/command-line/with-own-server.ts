import type { Config } from '../config.ts';
import { createServer } from '../create-server.ts';
import { openSigningKey } from '../platform/key-file.ts';
import { createNodeBlobStore } from '../platform/node/blob-store.ts';
import { nodeKeyFile } from '../platform/node/key-file.ts';
import type { Platform } from '../platform/platform.ts';
import { openStorage } from '../storage/open-storage.ts';
import type { AdminCommands } from './admin-commands.ts';
import { mediaPath, signingKeyPath } from './data-paths.ts';

/** Opens the database, runs `use` with a server that listens nowhere, and closes both. @throws DatabaseUnusable */
export async function withOwnServer<T>(
  config: Config,
  platform: Platform,
  use: (commands: AdminCommands) => Promise<T>,
): Promise<T> {
  const storage = await openStorage(config.database, platform);
  try {
    const signingKey = openSigningKey(nodeKeyFile(signingKeyPath(config)), platform.random);
    const blobStore = createNodeBlobStore(mediaPath(config));
    const { oldKeys } = signingKey;
    const server = await createServer({ config, platform, storage, blobStore, signingKey, oldKeys });
    try {
      return await use(server.admin);
    } finally {
      await server.stop();
    }
  } finally {
    await storage.close();
  }
}
