import { localpartOf, type ServerName, type UserId } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import type { Platform } from '../../platform/platform.ts';
import { upsertProfileField } from '../../storage/queries/profiles.ts';
import { ExpectationFailed, type WriteTransaction } from '../../storage/storage.ts';
import type { AccessTokens } from './access-tokens.ts';
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
import type { DeviceRequest, OpeningSession, Session, Sessions } from './sessions.ts';
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
  readonly accessTokens: AccessTokens;
  /** Whether whoever asks may be a guest. */
  readonly takesGuests: boolean;
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
  /** The access token of a guest, who becomes a user: the name stays the same, and so do the rooms. */
  readonly guestToken?: string | undefined;
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
  async checkRequest(request: {
    readonly username: string | undefined;
    readonly password: string | undefined;
    readonly guestToken: string | undefined;
  }): Promise<void> {
    if (request.guestToken !== undefined) await this.#guestOf(request.guestToken, request.username);
    else if (request.username !== undefined) await this.checkUsername(request.username);
    if (request.password !== undefined) checkNewPassword(request.password, request.username?.toLowerCase() ?? '');
  }

  /**
   * Makes the account, and its first session, in one transaction.
   *
   * Throws M_INVALID_USERNAME, M_USER_IN_USE, M_WEAK_PASSWORD; M_FORBIDDEN when the token's last use was taken, or the
   * guest's token is not one of a guest of this name.
   */
  async register(account: NewAccount): Promise<Registered> {
    const { platform, serverName, users, passwordHasher, registrationTokens } = this.#options;
    const { guestToken } = account;
    const guest = guestToken === undefined ? undefined : await this.#guestOf(guestToken, account.username);
    const userId = guest ?? newUserId(account.username ?? newLocalpart(platform.random), serverName);
    checkNewPassword(account.password, localpartOf(userId));
    if (guest === undefined) await users.checkFree(userId);
    const token = account.token === undefined ? undefined : await registrationTokens.find(account.token);
    if (account.token !== undefined && token === undefined) throw tokenUsedUp();
    if (account.displayName !== undefined) checkProfileField('displayname', account.displayName);
    const isAdmin = account.isAdmin === true || token?.grantsAdmin === true;
    const passwordHash = await passwordHasher.hash(account.password);
    const createdTs = platform.clock.nowMs();
    try {
      const user = { userId, passwordHash, createdTs, isAdmin };
      return await this.#write(guest === undefined ? user : { ...user, isGuestNow: true }, account, token);
    } catch (error) {
      if (!(error instanceof ExpectationFailed) || error.expectation !== REGISTRATION_TOKEN_IS_USABLE) throw error;
      throw tokenUsedUp();
    }
  }

  /**
   * A guest: an account without a password, whose session ends with its last device. Throws M_GUEST_ACCESS_FORBIDDEN
   * where the configuration has none. Specification: client-server API, "Guest Access".
   */
  async registerGuest(device: DeviceRequest): Promise<Registered> {
    const { platform, serverName, users, sessions, takesGuests } = this.#options;
    if (!takesGuests) throw new MatrixError('M_GUEST_ACCESS_FORBIDDEN', 'This server has no guests.');
    const userId = newUserId(newLocalpart(platform.random), serverName);
    const user = { userId, passwordHash: undefined, createdTs: platform.clock.nowMs(), isAdmin: false };
    const committed = await users.create(user, (transaction) =>
      sessions.openWithin(transaction, { userId, device, passwordHash: null }),
    );
    return { userId, session: sessions.finish(committed.value, committed) };
  }

  /** The guest whose token this is. Specification: "Guest Access", on `guest_access_token`. */
  async #guestOf(guestToken: string, username: string | undefined): Promise<UserId> {
    const owner = await this.#options.accessTokens.verify(guestToken);
    if (owner === undefined || !owner.standing.isGuest || owner.standing.isLocked) {
      throw new MatrixError('M_FORBIDDEN', 'guest_access_token is no access token of a guest of this server.');
    }
    if (username?.toLowerCase() === localpartOf(owner.userId)) return owner.userId;
    throw new MatrixError('M_FORBIDDEN', 'A guest who becomes a user keeps the name: "username" must be the same.');
  }

  async #write(
    user: NewUser & { readonly isGuestNow?: boolean },
    { device, displayName }: NewAccount,
    token: RegistrationToken | undefined,
  ): Promise<Registered> {
    const { users, sessions, registrationTokens } = this.#options;
    const { userId } = user;
    const build = (transaction: WriteTransaction): OpeningSession | undefined => {
      if (token !== undefined) registrationTokens.useWithin(transaction, token);
      if (user.isAdmin) endAdministratorTokens(transaction);
      if (displayName !== undefined) {
        transaction.run(upsertProfileField, { userId, field: 'displayname', valueJson: JSON.stringify(displayName) });
      }
      return device === undefined
        ? undefined
        : sessions.openWithin(transaction, { userId, device, passwordHash: null });
    };
    const isGuestNow = user.isGuestNow === true;
    const committed = await (isGuestNow ? users.upgrade(user, build) : users.create(user, build));
    const opening = committed.value;
    if (isGuestNow) this.#options.accessTokens.dropUser(userId);
    return { userId, session: opening === undefined ? undefined : sessions.finish(opening, committed) };
  }
}

function tokenUsedUp(): MatrixError {
  return new MatrixError('M_FORBIDDEN', 'This registration token is not valid here, or used up.');
}
