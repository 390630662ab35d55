import type { Log } from '../platform/log.ts';
import type { Random } from '../platform/random.ts';
import type { Migration } from './migrations/migration.ts';

/** What opening a database takes besides its address, whichever it is. */
export interface StorageOptions {
  readonly random: Random;
  readonly log: Log;
  /** Which writer this process is; 1 unless given. Each has a counter of its own, and one process at a time. */
  readonly writer?: number;
  /** All that the server has, unless a test says otherwise. */
  readonly migrations?: readonly Migration[];
}
