import type { Platform } from '../../platform/platform.ts';
import { deleteOldOutgoingEdus } from '../../storage/queries/outgoing-edus.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';

/** A server that is away for longer asks for the devices of its users' friends anew. */
const MAX_AGE_MS = 30 * 86_400_000;
const SWEEP_EVERY_MS = 3_600_000;

/** Removes EDUs for servers that are gone. */
export function createEduSweeper(platform: Pick<Platform, 'clock' | 'timers' | 'log'>, storage: Storage): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'EDUs for servers that are gone',
    everyMs: SWEEP_EVERY_MS,
    remove: (transaction, nowMs, limit) =>
      transaction.fetch(deleteOldOutgoingEdus, { queuedBefore: nowMs - MAX_AGE_MS, limit }),
  });
}
