import { localpartOf, parseUserId, type ServerName, type UserId, userIdOf } from '@limpet/protocol/identifiers';
import { MatrixError } from '@limpet/protocol/matrix-error';
import { updateGuestToUser } from '../../storage/queries/guests.ts';
import { insertUser, selectAnyUser, selectUser, selectUsersAfter, type UserRow } from '../../storage/queries/users.ts';
import { ExpectationFailed, type Storage, type WriteTransaction } from '../../storage/storage.ts';
import type { PasswordHasher } from './password-hasher.ts';
import { queueForDirectory } from './queue-for-directory.ts';

/** Users read at once while all are listed. */
const PAGE_SIZE = 1_000;

export interface User {
  readonly userId: UserId;
  readonly createdTs: number;
  readonly isAdmin: boolean;
  readonly isDeactivated: boolean;
  readonly isGuest: boolean;
  readonly isLocked: boolean;
  readonly isSuspended: boolean;
  /** `undefined` where nobody can log in with a password. */
  readonly passwordHash: string | undefined;
}

/** A user about to be created; its ID comes from `newUserId`. */
export interface NewUser {
  readonly userId: UserId;
  /** `undefined` for a guest. */
  readonly passwordHash: string | undefined;
  readonly createdTs: number;
  readonly isAdmin: boolean;
}

const NAME_IS_FREE = 'the user name is free';

/** The local users. Changes of password and deactivation end sessions too: `account-changes.ts`. */
export class Users {
  readonly #storage: Storage;
  readonly #serverName: ServerName;
  readonly #passwordHasher: PasswordHasher;

  constructor(storage: Storage, serverName: ServerName, passwordHasher: PasswordHasher) {
    this.#storage = storage;
    this.#serverName = serverName;
    this.#passwordHasher = passwordHasher;
  }

  async find(userId: UserId): Promise<User | undefined> {
    const [row] = await this.#storage.read(selectUser, { userId });
    return row === undefined ? undefined : userOf(row);
  }

  /** Whether somebody has an account here; deactivated ones count. */
  async isAnyone(): Promise<boolean> {
    return (await this.#storage.read(selectAnyUser, {})).length > 0;
  }

  /** All users in the order of their IDs, read page by page. */
  async *list(): AsyncGenerator<User> {
    let after = '';
    for (;;) {
      const rows = await this.#storage.read(selectUsersAfter, { after, limit: PAGE_SIZE });
      for (const row of rows) yield userOf(row);
      const last = rows.at(-1);
      if (last === undefined || rows.length < PAGE_SIZE) return;
      after = last.user_id;
    }
  }

  /** Throws M_USER_IN_USE when the name is taken; by a deactivated account too, since IDs are never used again. */
  async checkFree(userId: UserId): Promise<void> {
    if ((await this.find(userId)) !== undefined) throw userInUse();
  }

  /**
   * Creates the user in one transaction with what `build` does. Throws M_USER_IN_USE when the name was taken since
   * `checkFree`; other expectations of `build` fail as what they are.
   */
  async create<T>(user: NewUser, build: (transaction: WriteTransaction) => T) {
    const writing = this.#storage.write((transaction) => {
      const { userId, passwordHash, createdTs } = user;
      const flags = { isAdmin: Number(user.isAdmin), isGuest: Number(passwordHash === undefined) };
      const row = { userId, passwordHash: passwordHash ?? null, createdTs, ...flags };
      transaction.expect(insertUser, row, NAME_IS_FREE);
      queueForDirectory(transaction, userId);
      return build(transaction);
    });
    return writing.catch((error) => {
      throw error instanceof ExpectationFailed && error.expectation === NAME_IS_FREE ? userInUse() : error;
    });
  }

  /** Like `create`, for a guest who becomes a user. Throws M_USER_IN_USE when that happened already. */
  async upgrade<T>(user: NewUser, build: (transaction: WriteTransaction) => T) {
    const { userId, passwordHash = '' } = user;
    const writing = this.#storage.write((transaction) => {
      transaction.expect(updateGuestToUser, { userId, passwordHash }, NAME_IS_FREE);
      queueForDirectory(transaction, userId);
      return build(transaction);
    });
    return writing.catch((error) => {
      throw error instanceof ExpectationFailed && error.expectation === NAME_IS_FREE ? userInUse() : error;
    });
  }

  /** The user, when this is the password; takes the same time whether there is such a user or not. */
  async verifyPassword(userId: UserId | undefined, password: string): Promise<User | undefined> {
    const user = userId === undefined ? undefined : await this.find(userId);
    return (await this.#passwordHasher.verify(password, user?.passwordHash)) ? user : undefined;
  }

  /**
   * The ID of a local user as people write it: `alice`, `Alice`, `@alice` or `@alice:server`. `undefined` for a user of
   * another server and for what is no user ID at all.
   */
  localUserId(text: string): UserId | undefined {
    const colon = text.indexOf(':');
    if (colon !== -1 && (!text.startsWith('@') || text.slice(colon + 1) !== this.#serverName)) return undefined;
    const localpart = text.startsWith('@') ? localpartOf(text) : text;
    try {
      return userIdOf(localpart.toLowerCase(), this.#serverName);
    } catch (error) {
      if (error instanceof MatrixError) return undefined;
      throw error;
    }
  }
}

export function unknownUser(): MatrixError {
  return new MatrixError('M_NOT_FOUND', 'There is no such user on this server.');
}

function userInUse(): MatrixError {
  return new MatrixError('M_USER_IN_USE', 'This user name is taken.');
}

function userOf(row: UserRow): User {
  return {
    userId: parseUserId(row.user_id),
    createdTs: row.created_ts,
    isAdmin: row.is_admin === 1,
    isDeactivated: row.is_deactivated === 1,
    isGuest: row.is_guest === 1,
    isLocked: row.is_locked === 1,
    isSuspended: row.is_suspended === 1,
    passwordHash: row.password_hash ?? undefined,
  };
}
