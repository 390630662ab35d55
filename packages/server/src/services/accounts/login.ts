import type { UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { accountLocked } from './account-locked.ts';
import type { LoginTokens } from './login-tokens.ts';
import type { DeviceRequest, Session, Sessions } from './sessions.ts';
import type { Users } from './users.ts';

/** Logging in by password or by login token. Specification: client-server API, "POST /_matrix/client/v3/login". */
export class Login {
  readonly #users: Users;
  readonly #sessions: Sessions;
  readonly #loginTokens: LoginTokens;

  constructor(users: Users, sessions: Sessions, loginTokens: LoginTokens) {
    this.#users = users;
    this.#sessions = sessions;
    this.#loginTokens = loginTokens;
  }

  /**
   * Opens a session. Throws M_FORBIDDEN when user and password do not fit, in the same time and words whether there is
   * such a user or not (`undefined`: not one of ours); M_USER_DEACTIVATED for an account that ended, M_USER_LOCKED for
   * one that is locked.
   */
  async withPassword(userId: UserId | undefined, password: string, device: DeviceRequest): Promise<Session> {
    const user = await this.#users.verifyPassword(userId, password);
    if (user?.passwordHash !== undefined) {
      if (user.isLocked) throw accountLocked();
      return this.#sessions.open(user.userId, device, user.passwordHash);
    }
    const named = userId === undefined ? undefined : await this.#users.find(userId);
    if (named?.isDeactivated === true) {
      throw new MatrixError('M_USER_DEACTIVATED', 'This account was deactivated.');
    }
    throw new MatrixError('M_FORBIDDEN', 'User name or password is wrong.');
  }

  /**
   * Opens a session and uses the token up. Throws M_FORBIDDEN when it does not hold, or the password changed since;
   * M_USER_LOCKED.
   */
  async withToken(token: string, device: DeviceRequest): Promise<Session> {
    const owner = this.#loginTokens.take(token);
    if (owner === undefined) {
      throw new MatrixError('M_FORBIDDEN', 'This login token is not known, was used, or has expired. Get a new one.');
    }
    if ((await this.#users.find(owner.userId))?.isLocked === true) throw accountLocked();
    return this.#sessions.open(owner.userId, device, owner.passwordHash);
  }
}
