import type { Platform } from '../../platform/platform.ts';
import { deleteExpiredStickyEvents } from '../../storage/queries/sticky-events.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StickyRooms } from './sticky-rooms.ts';

/** How long expired rows may lie about. They are never given out; they only take room. */
const SWEEP_EVERY_MS = 30_000;

/** Removes the rows of expired sticky events, and forgets the rooms that had them. */
export function createStickySweeper(platform: Platform, storage: Storage, rooms: StickyRooms): RowSweeper {
  return new RowSweeper({
    platform,
    storage,
    rows: 'expired sticky events',
    everyMs: SWEEP_EVERY_MS,
    remove(transaction, nowMs, limit) {
      rooms.forgetExpired(nowMs);
      return transaction.fetch(deleteExpiredStickyEvents, { nowMs, limit });
    },
  });
}
