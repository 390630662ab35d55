import type { Platform } from '../../platform/platform.ts';
import { deleteOldFinalised } from '../../storage/queries/delayed-events.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';

/** How long a finalised delayed event can be looked up (G2). */
const RETENTION_MS = 7 * 24 * 3_600_000;
const SWEEP_EVERY_MS = 600_000;

/** Forgets delayed events that were finalised long ago. */
export function createDelayedEventSweeper(platform: Platform, storage: Storage): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'old delayed events',
    everyMs: SWEEP_EVERY_MS,
    remove: (transaction, nowMs, limit) =>
      transaction.fetch(deleteOldFinalised, { before: nowMs - RETENTION_MS, limit }),
  });
}
