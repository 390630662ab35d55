import type { Platform } from '../../platform/platform.ts';
import { PacedSteps } from '../../storage/paced-steps.ts';
import {
  deleteDirectoryWords,
  deleteFromDirectoryQueue,
  insertDirectoryWord,
  selectDirectoryQueue,
  selectUsersByWord,
} from '../../storage/queries/user-directory.ts';
import type { Storage } from '../../storage/storage.ts';
import { directoryWords } from './directory-words.ts';

/** Users whose words are written in one step: some thirty rows each. */
const USERS_PER_STEP = 100;
/** Between two steps. */
const PAUSE_MS = 500;
/** Steps that a search waits for; in a server that is behind by more it finds who is indexed. */
const MAX_STEPS_FOR_A_SEARCH = 10;
/** Users whom one word finds, those first in whom a word begins so. */
const MAX_FOUND = 500;

export interface FoundUsers {
  readonly userIds: readonly string[];
  /** There may be more of them. */
  readonly isCut: boolean;
}

/**
 * The users of this server by their words, behind what they are called: who registers or changes his name leaves a row
 * in a queue, and a search catches up first. So does the server after an update, which queues everybody.
 */
export class DirectoryIndex {
  readonly #storage: Storage;
  readonly #steps: PacedSteps;

  constructor(storage: Storage, platform: Pick<Platform, 'timers' | 'log'>) {
    this.#storage = storage;
    this.#steps = new PacedSteps({
      platform,
      work: 'indexing the names of users',
      pauseMs: PAUSE_MS,
      step: () => this.#step(),
    });
  }

  /** Begins with what a search could not catch up with, after an update of the server. */
  async start(): Promise<void> {
    const most = MAX_STEPS_FOR_A_SEARCH * USERS_PER_STEP;
    const rows = await this.#storage.read(selectDirectoryQueue, { limit: most + 1 });
    if (rows.length > most) this.#steps.wake();
  }

  stop(): Promise<void> {
    return this.#steps.stop();
  }

  catchUp(): Promise<void> {
    return this.#steps.hurry(MAX_STEPS_FOR_A_SEARCH);
  }

  /** Users with a word that begins so. */
  async find(beginning: string): Promise<FoundUsers> {
    const found = new Set<string>();
    // The last code point of all stands for no letter.
    const range = { from: beginning, before: `${beginning}\u{10ffff}` };
    for (const isInner of [0, 1]) {
      const limit = MAX_FOUND - found.size;
      const rows = await this.#storage.read(selectUsersByWord, { ...range, isInner, limit });
      for (const row of rows) found.add(row.user_id);
      if (rows.length === limit) return { userIds: [...found], isCut: true };
    }
    return { userIds: [...found], isCut: false };
  }

  async #step(): Promise<boolean> {
    const rows = await this.#storage.read(selectDirectoryQueue, { limit: USERS_PER_STEP });
    if (rows.length === 0) return false;
    await this.#storage.write((transaction) => {
      transaction.run(deleteDirectoryWords, { userIds: rows.map((row) => row.user_id) });
      for (const { user_id: userId, number, name_json: nameJson, is_in_use: isInUse } of rows) {
        const name: unknown = nameJson === null ? undefined : JSON.parse(nameJson);
        const words = isInUse === 1 ? directoryWords(userId, typeof name === 'string' ? name : undefined) : [];
        for (const { word, isInner } of words) {
          transaction.run(insertDirectoryWord, { word, isInner: Number(isInner), userId });
        }
        transaction.run(deleteFromDirectoryQueue, { userId, number });
      }
    });
    return rows.length === USERS_PER_STEP;
  }
}
