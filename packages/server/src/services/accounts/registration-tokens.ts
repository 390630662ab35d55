import type { Platform } from '../../platform/platform.ts';
import {
  deleteAdministratorTokens,
  insertRegistrationToken,
  selectAnyUsableRegistrationToken,
  selectUsableRegistrationToken,
  useRegistrationToken,
} from '../../storage/queries/registration-tokens.ts';
import type { Storage, WriteTransaction } from '../../storage/storage.ts';
import { hashOfSecret, newRegistrationToken } from './secrets.ts';
import type { Users } from './users.ts';

export const REGISTRATION_TOKEN_IS_USABLE = 'the registration token has uses left';

export interface RegistrationToken {
  readonly tokenHash: Uint8Array;
  /** Whether the account made with it is an administrator's. */
  readonly grantsAdmin: boolean;
}

/**
 * Tokens that let somebody register; kept as hashes. The first of all, for the administrator's account, is made at each
 * start while nobody has an account. It dies when it is used, when there is an administrator, or at the next start.
 */
export class RegistrationTokens {
  readonly #storage: Storage;
  readonly #platform: Platform;
  readonly #users: Users;

  constructor(storage: Storage, platform: Platform, users: Users) {
    this.#storage = storage;
    this.#platform = platform;
    this.#users = users;
  }

  /**
   * To be called at each start: the new token to show to whoever started the server, or `undefined` when there are
   * users.
   */
  async renewFirst(): Promise<string | undefined> {
    const isAnyone = await this.#users.isAnyone();
    const token = newRegistrationToken(this.#platform.random);
    await this.#storage.write((transaction) => {
      transaction.run(deleteAdministratorTokens, {});
      if (isAnyone) return;
      const tokenHash = hashOfSecret(token);
      transaction.run(insertRegistrationToken, { tokenHash, usesLeft: 1, expiresTs: null, grantsAdmin: 1 });
    });
    return isAnyone ? undefined : token;
  }

  /** The token, when it has uses left. */
  async find(token: string): Promise<RegistrationToken | undefined> {
    const tokenHash = hashOfSecret(token);
    const now = this.#platform.clock.nowMs();
    const [row] = await this.#storage.read(selectUsableRegistrationToken, { tokenHash, now });
    return row === undefined ? undefined : { tokenHash, grantsAdmin: row.grants_admin === 1 };
  }

  /** Whether there is any token to register with. */
  async isAnyUsable(): Promise<boolean> {
    const now = this.#platform.clock.nowMs();
    return (await this.#storage.read(selectAnyUsableRegistrationToken, { now })).length > 0;
  }

  /** Uses one up; the batch fails with REGISTRATION_TOKEN_IS_USABLE when none is left. */
  useWithin(transaction: WriteTransaction, token: RegistrationToken): void {
    const now = this.#platform.clock.nowMs();
    transaction.expect(useRegistrationToken, { tokenHash: token.tokenHash, now }, REGISTRATION_TOKEN_IS_USABLE);
  }
}

/** There is an administrator now: no printed token may make another one. */
export function endAdministratorTokens(transaction: WriteTransaction): void {
  transaction.run(deleteAdministratorTokens, {});
}
