import { MatrixError } from '@limpet/protocol/matrix-error';

/**
 * Which accounts are doing something just now. An account may end while a request of it is under way, which may then
 * still join a room, or write what nobody would ever remove: who ends an account asks here when it is over.
 */
export class AccountRequests {
  /** How many are under way, by user. */
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();
  /** Since this process began. Their tokens may have been looked up just before they were deleted. */
  readonly #ended = new Set<string>();

  /** Does the work of a request. Throws M_UNKNOWN_TOKEN where the account has ended since the token was looked up. */
  async run<T>(userId: string, work: () => Promise<T> | T): Promise<T> {
    if (this.#ended.has(userId)) throw new MatrixError('M_UNKNOWN_TOKEN', 'This account was deactivated.');
    this.#counts.set(userId, (this.#counts.get(userId) ?? 0) + 1);
    try {
      return await work();
    } finally {
      this.#leave(userId);
    }
  }

  #leave(userId: string): void {
    const left = (this.#counts.get(userId) ?? 1) - 1;
    if (left > 0) {
      this.#counts.set(userId, left);
      return;
    }
    this.#counts.delete(userId);
    this.#waiting.get(userId)?.resolve();
    this.#waiting.delete(userId);
  }

  /** The account has ended, which is on disk: no further request begins. */
  end(userId: string): void {
    this.#ended.add(userId);
  }

  /** Kept once none is under way; `undefined` where that is so. */
  underWay(userId: string): Promise<void> | undefined {
    if (!this.#counts.has(userId)) return undefined;
    const waiting = this.#waiting.get(userId) ?? Promise.withResolvers<void>();
    this.#waiting.set(userId, waiting);
    return waiting.promise;
  }
}
