import type { Log } from '../../platform/log.ts';
import type { Timer, Timers } from '../../platform/timers.ts';
import { selectUsersWhoLeave, updateHasLeft } from '../../storage/queries/users.ts';
import type { Storage } from '../../storage/storage.ts';
import type { LocalAccounts } from './local-accounts.ts';

/** When an account is tried again that could not leave all its rooms; another server may be away. */
const RETRY_AFTER_MS = 600_000;

export interface DeparturesParts {
  readonly storage: Storage;
  readonly timers: Timers;
  readonly log: Log;
  readonly accounts: Pick<LocalAccounts, 'requestsUnderWay' | 'forgetEnded'>;
  /** Leaves the rooms until told to stop; whether none is left. */
  readonly leaveAll: (userId: string, isStopping: () => boolean) => Promise<boolean>;
}

/**
 * Takes users whose accounts ended out of their rooms, one after the other, and once more when the requests are over
 * that were under way at that moment: those may have joined a room, or written what was forgotten already. Who is not
 * done stands in the database, so a stop in the middle is made good at the next start.
 */
export class Departures {
  readonly #parts: DeparturesParts;
  readonly #waiting = new Set<string>();
  #running: Promise<void> | undefined;
  #timer: Timer | undefined;
  #isStopping = false;

  constructor(parts: DeparturesParts) {
    this.#parts = parts;
  }

  async start(): Promise<void> {
    for (const row of await this.#parts.storage.read(selectUsersWhoLeave, {})) this.begin(row.user_id);
  }

  /** What was begun goes on to the end of a room; the next start goes on with the others. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#timer?.cancel();
    await this.#running;
  }

  /** To be called once it stands in the database that this user leaves. */
  begin(userId: string): void {
    this.#waiting.add(userId);
    this.#running ??= this.#run().catch((error) => {
      this.#running = undefined;
      this.#parts.log.error('Ended accounts are still in rooms; the next start goes on', { error });
    });
  }

  async #run(): Promise<void> {
    const failed: string[] = [];
    for (const userId of this.#waiting) {
      if (this.#isStopping) return;
      this.#waiting.delete(userId);
      if (await this.#leave(userId)) continue;
      failed.push(userId);
    }
    this.#running = undefined;
    if (failed.length > 0 && !this.#isStopping) {
      this.#timer = this.#parts.timers.after(RETRY_AFTER_MS, () => {
        for (const userId of failed) this.begin(userId);
      });
    }
  }

  async #leave(userId: string): Promise<boolean> {
    const { storage, accounts, leaveAll } = this.#parts;
    // No further ones begin, so with these ended everything is there that the account leaves behind.
    const requests = accounts.requestsUnderWay(userId);
    const isDone = await leaveAll(userId, () => this.#isStopping);
    if (requests !== undefined) requests.then(() => this.begin(userId));
    else if (isDone) {
      await storage.write((transaction) => {
        accounts.forgetEnded(transaction, userId);
        transaction.run(updateHasLeft, { userId });
      });
    }
    return isDone;
  }
}
