import type { Platform } from '../../platform/platform.ts';
import { deleteOldTransactionIds } from '../../storage/queries/transaction-ids.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';

/** How long a repeated transaction ID gives back its event. A client that was away repeats what it had no answer to. */
const TRANSACTION_LIFETIME_MS = 24 * 3_600_000;
const SWEEP_EVERY_MS = 600_000;

/** Forgets the transaction IDs of long ago. */
export function createTransactionSweeper(platform: Platform, storage: Storage): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'old transaction IDs',
    everyMs: SWEEP_EVERY_MS,
    remove: (transaction, nowMs, limit) =>
      transaction.fetch(deleteOldTransactionIds, { before: nowMs - TRANSACTION_LIFETIME_MS, limit }),
  });
}
