import type { UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { ExpiringMap } from './expiring-map.ts';
import { hashOfSecret, newLoginToken } from './secrets.ts';
import type { Users } from './users.ts';

/** How long a token opens a session, as the specification recommends. */
export const LOGIN_TOKEN_LIFETIME_MS = 120_000;
/** Tokens that hold at once; the oldest gives way. */
const MAX_TOKENS = 10_000;

/** Whose token it was, and the password that the account had when it was made. */
export interface LoginTokenOwner {
  readonly userId: UserId;
  readonly passwordHash: string;
}

/**
 * Tokens by which a user who is logged in lets another device in, once each. They are in memory alone: what a restart
 * takes away is asked for again. Specification: client-server API, "POST /_matrix/client/v1/login/get_token".
 */
export class LoginTokens {
  readonly #platform: Platform;
  readonly #users: Users;
  readonly #owners: ExpiringMap<LoginTokenOwner>;

  constructor(platform: Platform, users: Users) {
    this.#platform = platform;
    this.#users = users;
    this.#owners = new ExpiringMap({
      clock: platform.clock,
      lifetimeMs: LOGIN_TOKEN_LIFETIME_MS,
      maxEntries: MAX_TOKENS,
    });
  }

  /** Throws M_FORBIDDEN for an account without a password: it could not have been asked for one. */
  async issue(userId: UserId): Promise<string> {
    const user = await this.#users.find(userId);
    if (user?.passwordHash === undefined) {
      throw new MatrixError('M_FORBIDDEN', 'This account has no password, so it cannot let other devices in.');
    }
    const token = newLoginToken(this.#platform.random);
    this.#owners.set(keyOf(token), { userId, passwordHash: user.passwordHash });
    return token;
  }

  /** Uses the token up; `undefined` where it does not hold. */
  take(token: string): LoginTokenOwner | undefined {
    const key = keyOf(token);
    const owner = this.#owners.get(key);
    this.#owners.take(key);
    return owner;
  }
}

function keyOf(token: string): string {
  return Buffer.from(hashOfSecret(token)).toString('base64');
}
