import type { ServerName, UserId } from '@limpet/protocol/identifiers';
import { serverNameOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { updateLocked, updateSuspended } from '../../storage/queries/users.ts';
import { ExpectationFailed, type Storage } from '../../storage/storage.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type User, type Users, unknownUser } from './users.ts';

export interface AccountModerationParts {
  readonly storage: Storage;
  readonly serverName: ServerName;
  readonly users: Users;
  readonly accessTokens: AccessTokens;
}

/** `locked`: no session of it does anything. `suspended`: they read, and little else. */
export type Restriction = 'locked' | 'suspended';

const ACCOUNT_IS_ACTIVE = 'the account is active';

/**
 * What administrators do about accounts and can take back. Specification: client-server API, "Server administration".
 */
export class AccountModeration {
  readonly #parts: AccountModerationParts;

  constructor(parts: AccountModerationParts) {
    this.#parts = parts;
  }

  /** Throws M_NOT_FOUND where there is no such user, or the account ended. */
  async restrict(userId: UserId, restriction: Restriction, isRestricted: boolean): Promise<void> {
    const { storage, accessTokens } = this.#parts;
    const parameters = { userId, isRestricted: Number(isRestricted) };
    const statement = restriction === 'locked' ? updateLocked : updateSuspended;
    try {
      await storage.write((transaction) => transaction.expect(statement, parameters, ACCOUNT_IS_ACTIVE));
    } catch (error) {
      throw error instanceof ExpectationFailed && error.expectation === ACCOUNT_IS_ACTIVE ? unknownUser() : error;
    }
    accessTokens.dropUser(userId);
  }

  /**
   * An account that this administrator may look at. Throws M_FORBIDDEN for who is none, before anything else; for other
   * administrators, M_INVALID_PARAM for users of other servers, M_NOT_FOUND for accounts that are not, or ended.
   */
  async accountFor(administrator: UserId, userId: UserId): Promise<User> {
    await this.#checkAdministrator(administrator);
    const user = await this.#localUser(userId);
    if (user.isAdmin && userId !== administrator) {
      throw new MatrixError('M_FORBIDDEN', 'This user is an administrator, too. Use the command line on the server.');
    }
    return user;
  }

  /** Like `accountFor`, to change something about it: administrators cannot do that to themselves. */
  async restrictAs(
    administrator: UserId,
    userId: UserId,
    { restriction, isRestricted }: { readonly restriction: Restriction; readonly isRestricted: boolean },
  ): Promise<void> {
    await this.accountFor(administrator, userId);
    if (userId === administrator) throw new MatrixError('M_FORBIDDEN', 'You cannot do this to your own account.');
    await this.restrict(userId, restriction, isRestricted);
  }

  /** Everybody may look up the own account, administrators those of all. Throws as `accountFor`. */
  async checkMayLookUp(requester: UserId, userId: UserId): Promise<void> {
    if (requester === userId) return;
    await this.#checkAdministrator(requester);
    await this.#localUser(userId);
  }

  async #checkAdministrator(userId: UserId): Promise<void> {
    if ((await this.#parts.users.find(userId))?.isAdmin === true) return;
    throw new MatrixError('M_FORBIDDEN', 'This is for administrators of the server.');
  }

  async #localUser(userId: UserId): Promise<User> {
    const { serverName, users } = this.#parts;
    if (serverNameOf(userId) !== serverName) {
      throw new MatrixError('M_INVALID_PARAM', 'This user does not belong to this server.');
    }
    const user = await users.find(userId);
    if (user === undefined || user.isDeactivated) throw unknownUser();
    return user;
  }
}
