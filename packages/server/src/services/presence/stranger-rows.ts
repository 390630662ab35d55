import { serverNameOf } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import { PacedSteps } from '../../storage/paced-steps.ts';
import { deletePresence, selectPresentUsers } from '../../storage/queries/presence.ts';
import type { Storage } from '../../storage/storage.ts';
import { OFFLINE } from './known-presence.ts';
import type { KnownPresences } from './known-presences.ts';

/** From the start, or the end of a sweep, to the next one. */
const SWEEP_EVERY_MS = 3_600_000;
/** Pause between two pages of one sweep. */
const PAUSE_MS = 50;
const ROWS_PER_PAGE = 500;

export interface StrangerRowsParts {
  readonly storage: Storage;
  readonly platform: Pick<Platform, 'timers' | 'log'>;
  readonly known: KnownPresences;
  /** Our own. */
  readonly serverName: string;
}

/**
 * Removes rows of users of other servers who are not known to be there. Such a row goes when its user does; but of whom
 * there was no place for any more in memory, or whose leaving could not be written, it would stay for ever.
 */
export class StrangerRows {
  readonly #parts: StrangerRowsParts;
  readonly #steps: PacedSteps;
  #after = '';

  constructor(parts: StrangerRowsParts) {
    this.#parts = parts;
    this.#steps = new PacedSteps({
      platform: parts.platform,
      work: 'removing the presence of strangers',
      pauseMs: PAUSE_MS,
      delayMs: SWEEP_EVERY_MS,
      step: () => this.#sweepPage(),
    });
  }

  start(): void {
    this.#steps.wake();
  }

  async stop(): Promise<void> {
    await this.#steps.stop();
  }

  async #sweepPage(): Promise<boolean> {
    const { storage } = this.#parts;
    const rows = await storage.read(selectPresentUsers, { after: this.#after, limit: ROWS_PER_PAGE });
    const userIds = rows.map((row) => row.user_id).filter((userId) => this.#isUnknown(userId));
    if (userIds.length > 0) {
      await storage.write((transaction) => {
        // Who has come meanwhile has a row that is written already, or one that comes after this.
        for (const userId of userIds) if (this.#isUnknown(userId)) transaction.run(deletePresence, { userId });
      });
    }
    const last = rows.length < ROWS_PER_PAGE ? undefined : rows.at(-1);
    this.#after = last?.user_id ?? '';
    if (last === undefined) this.#steps.wake();
    return last !== undefined;
  }

  #isUnknown(userId: string): boolean {
    if (serverNameOf(userId) === this.#parts.serverName) return false;
    return (this.#parts.known.get(userId)?.published ?? OFFLINE).presence === 'offline';
  }
}
