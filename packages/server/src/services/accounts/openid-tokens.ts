import { parseUserId, type UserId } from '@limpet/protocol/identifiers';
import type { Platform } from '../../platform/platform.ts';
import {
  deleteExpiredOpenIdTokens,
  deleteSurplusOpenIdTokens,
  insertOpenIdToken,
  selectOpenIdToken,
} from '../../storage/queries/openid-tokens.ts';
import { RowSweeper } from '../../storage/row-sweeper.ts';
import type { Storage } from '../../storage/storage.ts';
import { hashOfSecret, newOpenIdToken } from './secrets.ts';

/** How long a token proves who its user is. */
export const OPENID_TOKEN_LIFETIME_MS = 3_600_000;
/** Tokens of one user that hold at once; one more ends the oldest. */
const MAX_TOKENS_OF_USER = 100;
const SWEEP_EVERY_MS = 600_000;

/**
 * Tokens by which users prove to third parties who they are. They are kept as hashes and give no access to anything.
 * Specification: client-server API, "OpenID"; server-server API, "OpenID".
 */
export class OpenIdTokens {
  readonly #storage: Storage;
  readonly #platform: Platform;
  readonly #sweeper: RowSweeper;

  constructor(storage: Storage, platform: Platform) {
    this.#storage = storage;
    this.#platform = platform;
    this.#sweeper = new RowSweeper({
      platform,
      storage,
      rows: 'expired OpenID tokens',
      everyMs: SWEEP_EVERY_MS,
      remove: (transaction, nowMs, limit) => transaction.fetch(deleteExpiredOpenIdTokens, { nowMs, limit }),
    });
  }

  /** Begins to forget expired tokens, until `stop`. */
  start(): void {
    this.#sweeper.start();
  }

  stop(): Promise<void> {
    return this.#sweeper.stop();
  }

  /** A new token of this user. */
  async issue(userId: UserId): Promise<string> {
    const token = newOpenIdToken(this.#platform.random);
    const expiresTs = this.#platform.clock.nowMs() + OPENID_TOKEN_LIFETIME_MS;
    await this.#storage.write((transaction) => {
      transaction.run(insertOpenIdToken, { tokenHash: hashOfSecret(token), userId, expiresTs });
      transaction.run(deleteSurplusOpenIdTokens, { userId, kept: MAX_TOKENS_OF_USER });
    });
    return token;
  }

  /** Whose it is; `undefined` when nobody has this token, or it has expired. */
  async userOf(token: string): Promise<UserId | undefined> {
    const nowMs = this.#platform.clock.nowMs();
    const [row] = await this.#storage.read(selectOpenIdToken, { tokenHash: hashOfSecret(token), nowMs });
    return row === undefined ? undefined : parseUserId(row.user_id);
  }
}
