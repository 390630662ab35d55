import { localpartOf, type ServerName, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { upsertProfileField } from '../../storage/queries/profiles.ts';
import { ExpectationFailed } from '../../storage/storage.ts';
import { DUMMY, REGISTRATION_TOKEN } from './authentication-stages.ts';
import { checkNewPassword } from './check-password.ts';
import { checkProfileField } from './check-profile-field.ts';
import { newUserId } from './new-user-id.ts';
import type { PasswordHasher } from './password-hasher.ts';
import {
  endAdministratorTokens,
  REGISTRATION_TOKEN_IS_USABLE,
  type RegistrationToken,
  type RegistrationTokens,
} from './registration-tokens.ts';
import { newLocalpart } from './secrets.ts';
import type { DeviceRequest, Session, Sessions } from './sessions.ts';
import type { NewUser, Users } from './users.ts';

/** Who may make an account: nobody, who has a registration token, everybody. */
export type RegistrationMode = 'closed' | 'token' | 'open';

export interface RegistrationOptions {
  readonly platform: Platform;
  readonly serverName: ServerName;
  readonly mode: RegistrationMode;
  readonly users: Users;
  readonly sessions: Sessions;
  readonly passwordHasher: PasswordHasher;
  readonly registrationTokens: RegistrationTokens;
}

export interface NewAccount {
  /** `undefined` lets the server choose one. */
  readonly username: string | undefined;
  readonly password: string;
  /** `undefined` opens no session. */
  readonly device: DeviceRequest | undefined;
  /** The registration token that was shown, to be used up. */
  readonly token?: string | undefined;
  /** For administrators' tools; a token may grant it too. */
  readonly isAdmin?: boolean;
  readonly displayName?: string | undefined;
}

export interface Registered {
  readonly userId: UserId;
  readonly session: Session | undefined;
}

/** Makes accounts. Specification: client-server API, "Account registration". */
export class Registration {
  readonly #options: RegistrationOptions;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** What a client has to pass to register. Throws M_FORBIDDEN when registration is closed. */
  async flows(): Promise<readonly (readonly string[])[]> {
    const { mode, registrationTokens } = this.#options;
    const byToken = mode === 'token' || (await registrationTokens.isAnyUsable()) ? [[REGISTRATION_TOKEN]] : [];
    const flows = mode === 'open' ? [[DUMMY], ...byToken] : byToken;
    if (flows.length === 0) {
      throw new MatrixError(
        'M_FORBIDDEN',
        'Registration is closed on this server. Ask its administrator for an account.',
      );
    }
    return flows;
  }

  /** Throws M_INVALID_USERNAME or M_USER_IN_USE when a new account cannot have this name. */
  async checkUsername(username: string): Promise<void> {
    await this.#options.users.checkFree(newUserId(username, this.#options.serverName));
  }

  /** What can be said before the client proved anything. Throws as `register` does. */
  async checkRequest(request: { username: string | undefined; password: string | undefined }): Promise<void> {
    if (request.username !== undefined) await this.checkUsername(request.username);
    if (request.password !== undefined) checkNewPassword(request.password, request.username?.toLowerCase() ?? '');
  }

  /**
   * Makes the account, and its first session, in one transaction.
   *
   * Throws M_INVALID_USERNAME, M_USER_IN_USE, M_WEAK_PASSWORD; M_FORBIDDEN when the token's last use was taken.
   */
  async register(account: NewAccount): Promise<Registered> {
    const { platform, serverName, users, passwordHasher, registrationTokens } = this.#options;
    const userId = newUserId(account.username ?? newLocalpart(platform.random), serverName);
    checkNewPassword(account.password, localpartOf(userId));
    await users.checkFree(userId);
    const token = account.token === undefined ? undefined : await registrationTokens.find(account.token);
    if (account.token !== undefined && token === undefined) throw tokenUsedUp();
    if (account.displayName !== undefined) checkProfileField('displayname', account.displayName);
    const isAdmin = account.isAdmin === true || token?.grantsAdmin === true;
    const passwordHash = await passwordHasher.hash(account.password);
    const createdTs = platform.clock.nowMs();
    try {
      return await this.#write({ userId, passwordHash, createdTs, isAdmin }, account, token);
    } catch (error) {
      if (!(error instanceof ExpectationFailed) || error.expectation !== REGISTRATION_TOKEN_IS_USABLE) throw error;
      throw tokenUsedUp();
    }
  }

  async #write(
    user: NewUser,
    { device, displayName }: NewAccount,
    token: RegistrationToken | undefined,
  ): Promise<Registered> {
    const { users, sessions, registrationTokens } = this.#options;
    const { userId } = user;
    const committed = await users.create(user, (transaction) => {
      if (token !== undefined) registrationTokens.useWithin(transaction, token);
      if (user.isAdmin) endAdministratorTokens(transaction);
      if (displayName !== undefined) {
        transaction.run(upsertProfileField, { userId, field: 'displayname', valueJson: JSON.stringify(displayName) });
      }
      return device === undefined
        ? undefined
        : sessions.openWithin(transaction, { userId, device, passwordHash: null });
    });
    const opening = committed.value;
    return { userId, session: opening === undefined ? undefined : sessions.finish(opening, committed) };
  }
}

function tokenUsedUp(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'This registration token is not valid here, or used up.');
}
