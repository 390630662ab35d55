import type { Platform } from '../../../platform/platform.ts';
import { deleteUnusedConnections, deleteVersionsOfUnused } from '../../../storage/queries/sliding-sync.ts';
import { RowSweeper } from '../../../storage/row-sweeper.ts';
import type { Storage } from '../../../storage/storage.ts';

/** How long a connection is kept that nobody uses. Who comes back later begins anew. */
export const UNUSED_CONNECTION_MS = 30 * 24 * 3_600_000;
const SWEEP_EVERY_MS = 3_600_000;

/** Removes the connections of sliding sync that nobody uses any more. */
export function createConnectionSweeper(platform: Platform, storage: Storage): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'unused connections of sliding sync',
    everyMs: SWEEP_EVERY_MS,
    remove(transaction, nowMs, limit) {
      const unused = { before: nowMs - UNUSED_CONNECTION_MS, limit };
      transaction.run(deleteVersionsOfUnused, unused);
      return transaction.fetch(deleteUnusedConnections, unused);
    },
  });
}
