import type { UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { DeviceRequest, Session, Sessions } from './sessions.ts';
import type { Users } from './users.ts';

/** Password login. Specification: client-server API, "POST /_matrix/client/v3/login". */
export class Login {
  readonly #users: Users;
  readonly #sessions: Sessions;

  constructor(users: Users, sessions: Sessions) {
    this.#users = users;
    this.#sessions = sessions;
  }

  /**
   * Opens a session. Throws M_FORBIDDEN when user and password do not fit, in the same time and words whether there is
   * such a user or not (`undefined`: not one of ours); M_USER_DEACTIVATED for an account that ended.
   */
  async withPassword(userId: UserId | undefined, password: string, device: DeviceRequest): Promise<Session> {
    const user = await this.#users.verifyPassword(userId, password);
    if (user?.passwordHash !== undefined) return this.#sessions.open(user.userId, device, user.passwordHash);
    const named = userId === undefined ? undefined : await this.#users.find(userId);
    if (named?.isDeactivated === true) {
      throw new MatrixError('M_USER_DEACTIVATED', 'This account was deactivated.');
    }
    throw new MatrixError('M_FORBIDDEN', 'User name or password is wrong.');
  }
}
