import type { JsonObject } from '@limpet/protocol/json';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { FederationStatus } from '../services/federation-sender/federation-status.ts';
import type { OwnKeys } from '../services/remote-servers/own-keys.ts';
import { selectSomeServers } from '../storage/queries/room-servers.ts';
import { type Storage, StorageFailure } from '../storage/storage.ts';

/** Servers that are named for a comparison of clocks. */
const MAX_SERVERS = 10;

/** What a server says of itself to its operator. */
export interface ServerExamination {
  /** Why a write failed; `null` where it did not. */
  readonly databaseFault: string | null;
  /** What is published at `/_matrix/key/v2/server`. */
  readonly keyDocument: JsonObject;
  /** Some other servers that share rooms with this one. */
  readonly servers: readonly string[];
  /** Some of those that did not take what they were sent. */
  readonly unreached: readonly UnreachedServer[];
}

export interface UnreachedServer {
  readonly destination: string;
  readonly failures: number;
  readonly stickyEvents: number;
  readonly lastError: string;
}

export async function examineFromWithin(
  storage: Storage,
  ownKeys: OwnKeys,
  status: Pick<FederationStatus, 'list'> | undefined,
): Promise<ServerExamination> {
  const databaseFault = await writeFault(storage);
  const rows = await storage.read(selectSomeServers, { limit: MAX_SERVERS });
  const destinations = status === undefined ? [] : (await status.list()).destinations;
  const unreached = destinations.filter(({ failures }) => failures > 0).slice(0, MAX_SERVERS);
  return {
    databaseFault,
    keyDocument: ownKeys.document(),
    servers: rows.map((row) => row.server_name),
    unreached: unreached.map(({ destination, failures, waiting, lastError = '' }) => ({
      destination,
      failures,
      stickyEvents: waiting.stickyEvents,
      lastError,
    })),
  };
}

/** A commit like any other: the counter moves on, and is on disk. */
async function writeFault(storage: Storage): Promise<string | null> {
  try {
    await storage.write((transaction) => transaction.allocate());
    return null;
  } catch (error) {
    if (error instanceof StorageFailure || error instanceof MatrixError) return error.message;
    throw error;
  }
}
