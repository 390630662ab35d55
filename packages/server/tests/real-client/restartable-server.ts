import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SEED_BYTES, signingKeyFromSeed } from '@limpet/protocol/signing';
import { readConfig } from '../../src/config.ts';
import { createServer, type Server } from '../../src/create-server.ts';
import { createNodeBlobStore } from '../../src/platform/node/blob-store.ts';
import { nodeRandom } from '../../src/platform/node/random.ts';
import { nodeTimers } from '../../src/platform/node/timers.ts';
import type { Platform } from '../../src/platform/platform.ts';
import { CHEAP_PASSWORD_COST } from '../../src/services/accounts/password-hasher.ts';
import { openStorage } from '../../src/storage/open-storage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { createManualWorld, type ManualWorld } from '../support/manual-world.ts';
import { noNetwork } from '../support/no-network.ts';
import { silentLog } from '../support/silent-log.ts';

/** A server that listens on a port of its own and keeps its data in a file, as an operator would run it. */
export interface RestartableServer {
  readonly url: string;
  /**
   * Time of the server. It stands still until the test moves it, so that what is left of an event is known to the
   * millisecond, and it is not the clients' time, which goes on. Waiting takes real time.
   */
  readonly world: ManualWorld;
  /** Ends the server, closes the database, and starts another one on the same file and port. Caches do not survive. */
  restart(): Promise<void>;
  /** Ends the server and removes its data. */
  remove(): Promise<void>;
}

export async function startRestartableServer(): Promise<RestartableServer> {
  const folder = await mkdtemp(join(tmpdir(), 'limpet-real-client-'));
  const world = createManualWorld(Date.now());
  const platform: Platform = {
    clock: world.clock,
    timers: nodeTimers,
    random: nodeRandom,
    log: silentLog,
    ...noNetwork,
  };
  const signingKey = signingKeyFromSeed('ed25519:test', nodeRandom.bytes(SEED_BYTES));

  async function run(port: number): Promise<{ server: Server; storage: Storage; url: string }> {
    const config = readConfig(
      {
        listeners: [{ port, serves: ['client'] }],
        database: { sqlite: { path: join(folder, 'limpet.db') } },
        registration: { mode: 'open' },
        rate_limits: { enabled: false },
      },
      folder,
    );
    const storage = await openStorage(config.database, platform);
    const blobStore = createNodeBlobStore(join(folder, 'media'));
    const server = await createServer({
      config,
      platform,
      storage,
      blobStore,
      signingKey,
      passwordCost: CHEAP_PASSWORD_COST,
    });
    const [url = ''] = await server.start();
    return { server, storage, url };
  }

  let running = await run(0);
  const { url } = running;

  async function end(): Promise<void> {
    await running.server.stop();
    await running.storage.close();
  }

  return {
    url,
    world,
    async restart() {
      await end();
      running = await run(Number(new URL(url).port));
    },
    async remove() {
      await end();
      await rm(folder, { recursive: true });
    },
  };
}
